/** What the server refuses, and how it says so. */
import { request as httpRequest } from 'node:http'
import t from 'tap'
import { startServer } from '../../src/server/server.js'
import { rejectionOf } from '../support/errors.js'
import { testServer, until } from './server.js'

interface ErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
  }
}

const messages = [{ role: 'user', content: 'Define ocean.' }]
const server = await testServer(t, { maxTokens: 50, maxBody: 4096 }, { slots: 1, maxWaiting: 1 })
const CHAT = '/v1/chat/completions'

/** The status and error of an answer. */
async function refused(answer: Promise<Response>) {
  const response = await answer
  return {
    status: response.status,
    headers: response.headers,
    ...((await response.json()) as ErrorBody).error,
  }
}

t.test('parameters it does not have are refused by name', async (t) => {
  const chat: [object, string, RegExp][] = [
    [{ tools: [] }, 'tools', /"tools" is not supported/],
    [{ n: 2 }, 'n', /Expected 1, as one request gets one answer, for n but received 2/],
    [{ logprobs: true }, 'logprobs', /log probabilities are not reported/],
    [{ top_logprobs: 2 }, 'top_logprobs', /not supported/],
    [{ response_format: { type: 'xml' } }, 'response_format.type', /json_schema/],
    [{ temprature: 1 }, 'temprature', /not supported/],
    [{ model: 'gpt-4o' }, 'model', /There is no model "gpt-4o" here/],
    [{ temperature: -1 }, 'temperature', /between 0 and 100 for temperature but received -1/],
    [{ top_p: 2 }, 'top_p', /between 0 and 1/],
    [{ max_tokens: 1.5 }, 'max_tokens', /an integer/],
    [{ max_tokens: 51 }, 'max_tokens', /at most 50 for max_tokens but received 51/],
    [{ max_tokens: 1, max_completion_tokens: 2 }, 'max_completion_tokens', /different lengths/],
    [{ stop: [''] }, 'stop', /at least one character/],
    [{ seed: 'x' }, 'seed', /an integer/],
    [{ stream: 'yes' }, 'stream', /true or false/],
    [{ stream_options: { include_usage: true } }, 'stream_options', /requests with "stream": true/],
    [{ messages: [] }, 'messages', /at least one message/],
    [{ messages: 'hi' }, 'messages', /an array of messages/],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role', /one of system, developer/],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      'messages.0.content',
      /array of parts/,
    ],
    [
      { messages: [{ role: 'user', content: 'x', name: 'y' }] },
      'messages.0',
      /only role and content, not name/,
    ],
  ]
  for (const [extra, param, message] of chat) {
    const error = await refused(server.post(CHAT, { messages, ...extra }))
    t.match(error, { param, message, type: 'invalid_request_error', code: String }, JSON.stringify(extra))
    t.equal(error.status, 'model' in extra ? 404 : 400)
  }
  const text: [object, string][] = [
    [{ echo: true }, 'echo'],
    [{ best_of: 2 }, 'best_of'],
    [{ suffix: 'x' }, 'suffix'],
    [{ logprobs: 1 }, 'logprobs'],
    [{ prompt: ['a', 'b'] }, 'prompt'],
    [{ prompt: undefined }, 'prompt'],
    [{ prompt: [1e9] }, 'prompt'],
  ]
  for (const [extra, param] of text) {
    const error = await refused(server.post('/v1/completions', { prompt: 'a', ...extra }))
    t.match(error, { status: 400, type: 'invalid_request_error' }, JSON.stringify(extra))
    if (param !== 'prompt' || !JSON.stringify(extra).includes('1000000000')) t.equal(error.param, param)
  }
})

t.test('bodies that cannot be read', async (t) => {
  const cases: [string, number, string][] = [
    ['', 400, 'invalid_json'],
    ['{"messages": [', 400, 'invalid_json'],
    ['[]', 400, ''],
    ['null', 400, ''],
    [JSON.stringify({ messages: [{ role: 'user', content: 'x'.repeat(5000) }] }), 413, 'body_too_large'],
  ]
  for (const [body, status, code] of cases) {
    t.match(await refused(server.post(CHAT, body)), { status, ...(code ? { code } : {}) }, body.slice(0, 20))
  }
  const chunked = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 100; i++) controller.enqueue(new TextEncoder().encode(' '.repeat(100)))
      controller.close()
    },
  })
  const init = { body: chunked, duplex: 'half' } as RequestInit
  t.match(await refused(server.post(CHAT, '', init)), { status: 413 }, 'also without a length')
  const form = { headers: { 'content-type': 'text/plain' } }
  t.match(await refused(server.post(CHAT, { messages }, form)), { status: 415, code: 'invalid_content_type' })
  const long = { messages: [{ role: 'user', content: 'ocean '.repeat(400) }] }
  t.match(await refused(server.post(CHAT, long)), { status: 400, code: 'context_length_exceeded' })
})

t.test('paths it does not have', async (t) => {
  t.match(await refused(fetch(`${server.url}/v1/embeddings`)), { status: 404, code: 'not_found' })
  t.match(await refused(fetch(`${server.url}${CHAT}`)), { status: 404 })
})

t.test('more requests than may wait', async (t) => {
  const endless = { messages, ignore_eos: true, max_tokens: 50 }
  const running = [server.post(CHAT, endless), server.post(CHAT, endless)]
  await until(() => server.load().waiting === 1)
  const error = await refused(server.post(CHAT, { messages }))
  t.match(error, { status: 503, code: 'server_busy', type: 'server_error' })
  t.equal(error.headers.get('retry-after'), '1')
  for (const answer of running) t.equal((await answer).status, 200)
})

/** A request with headers that fetch would not send. */
const statusWith = (headers: Record<string, string>) =>
  new Promise<number | undefined>((resolve, reject) => {
    httpRequest(`${server.url}/v1/models`, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })

t.test('names that were made to point here', async (t) => {
  t.equal(await statusWith({ host: 'evil.example' }), 403)
  t.equal(await statusWith({ host: 'localhost:1234' }), 200)
  t.equal(await statusWith({ host: '[::1]:1234' }), 200)
})

t.test('pages of other origins, unless one is named', async (t) => {
  const origin = { headers: { origin: 'https://app.example' } }
  t.equal((await fetch(`${server.url}/v1/models`, origin)).headers.get('access-control-allow-origin'), null)
  const open = await testServer(t, { cors: 'https://app.example' })
  const allowed = await fetch(`${open.url}/v1/models`, origin)
  t.equal(allowed.headers.get('access-control-allow-origin'), 'https://app.example')
  const preflight = await fetch(`${open.url}${CHAT}`, {
    method: 'OPTIONS',
    headers: { ...origin.headers, 'access-control-request-method': 'POST' },
  })
  t.equal(preflight.status, 204)
})

t.test('an API key', async (t) => {
  const locked = await testServer(t, { apiKey: 'secret', cors: '*' })
  const models = (headers: Record<string, string>) => fetch(`${locked.url}/v1/models`, { headers })
  t.match(await refused(models({})), { status: 401, code: 'invalid_api_key', message: /needed/ })
  t.match(await refused(models({ authorization: 'Bearer secre' })), { status: 401, message: /wrong/ })
  t.match(await refused(models({ authorization: 'Basic secret' })), { status: 401 })
  t.equal((await models({ authorization: 'Bearer secret' })).status, 200)
  t.equal((await fetch(`${locked.url}/metrics`)).status, 401)
  t.equal((await fetch(`${locked.url}/health`)).status, 200)
  const preflight = await fetch(`${locked.url}${CHAT}`, {
    method: 'OPTIONS',
    headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
  })
  t.equal(preflight.status, 204, 'browsers ask before they send the key')
})

t.test('addresses that others reach need a key, and a port that is taken is named', async (t) => {
  const { model } = server
  const batch = model.createBatch()
  for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.com', '127.evil.example']) {
    const error = await rejectionOf(startServer(model, batch, { host, port: 0 }))
    t.match(error, {
      code: 'E_USAGE',
      message: `Listening on ${host} needs an API key.`,
      next: /OPENELM_API_KEY/,
    })
  }
  const port = Number(new URL(server.url).port)
  const taken = await rejectionOf(startServer(model, batch, { host: '127.0.0.1', port }))
  t.match(taken, { code: 'E_USAGE', message: /cannot listen/, why: 'Another program listens there.' })
})

t.test('a model without a chat template takes completions only', async (t) => {
  const plain = await testServer(t, { template: '{{ raise_exception("No.") }}' })
  t.match(await refused(plain.post(CHAT, { messages })), {
    status: 400,
    code: 'template_error',
    message: /No\./,
  })
  t.equal((await plain.post('/v1/completions', { prompt: 'a', max_tokens: 1 })).status, 200)
})
