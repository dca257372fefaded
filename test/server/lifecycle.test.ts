/** Time limits, stopping, metrics; and the command itself. */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../support/files.js'
import { lexiconFile } from '../support/lexicon.js'
import { testServer, until } from './server.js'

const CHAT = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'Define ocean.' }]
/** Longer than any test waits: the reference kernels take their time, and the context is full of it. */
const endless = { messages, ignore_eos: true }

t.test('health and metrics', async (t) => {
  const server = await testServer(t)
  t.same(await (await fetch(`${server.url}/health`)).json(), { status: 'ok' })
  await server.post(CHAT, { messages, max_tokens: 3 })
  await server.post(CHAT, '{')
  await fetch(`${server.url}/some/path`)
  const response = await fetch(`${server.url}/metrics`)
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  const value = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    )
  t.equal(value('openelm_requests_total{endpoint="/v1/chat/completions",status="200"}'), 1)
  t.equal(value('openelm_requests_total{endpoint="/v1/chat/completions",status="400"}'), 1)
  t.equal(value('openelm_requests_total{endpoint="other",status="404"}'), 1)
  t.equal(value('openelm_prompt_tokens_total'), 17)
  t.equal(value('openelm_generated_tokens_total'), 3)
  t.equal(value('openelm_request_seconds_count'), 2)
  t.equal(value('openelm_request_seconds_bucket{le="+Inf"}'), 2)
  t.equal(value('openelm_first_token_seconds_count'), 1)
  t.equal(value('openelm_slots'), 4)
  t.equal(value('openelm_running'), 0)
  t.ok(value('openelm_kv_cache_bytes') > 0 && value('process_resident_memory_bytes') > 0)
  for (const line of text.trimEnd().split('\n')) {
    t.match(line, /^(# (HELP|TYPE) openelm_\w+ .+|# (HELP|TYPE) process_\w+ .+|\w+(\{[^}]*\})? [\d.e+-]+)$/)
  }
})

t.test('a request that takes too long is told so', async (t) => {
  const server = await testServer(t, { timeLimit: 0.02 })
  const whole = await server.post(CHAT, endless)
  t.equal(whole.status, 504)
  t.match(await whole.json(), { error: { code: 'time_limit', type: 'server_error' } })
  const stream = await (await server.post(CHAT, { ...endless, stream: true })).text()
  t.match(stream, /"delta":\{"role":"assistant"/)
  t.match(stream, /\ndata: \{"error":\{"message":"The answer took longer than the 0\.02 s.*\}\n\n$/)
  t.notMatch(stream, /\[DONE\]/)
  await until(() => server.active === 0)
  t.same(server.load(), { running: 0, waiting: 0 })
})

t.test('stopping lets running requests finish, within its grace', async (t) => {
  const server = await testServer(t, { grace: 60 })
  const running = server.post(CHAT, { ...endless, max_tokens: 40 })
  await until(() => server.load().running === 1)
  const stopped = server.stop()
  const answer = await running
  t.equal(answer.status, 200)
  t.match(await answer.json(), { usage: { completion_tokens: 40 } })
  await stopped
  await t.rejects(fetch(`${server.url}/health`), 'nobody listens any more')
})

t.test('stopping ends what is left after its grace', async (t) => {
  const server = await testServer(t, { grace: 0.02 }, { slots: 1 })
  const requests = [1, 2].map(() => server.post(CHAT, endless))
  const stream = server.post(CHAT, { ...endless, stream: true })
  await until(() => server.load().waiting === 2)
  await Promise.all([server.stop(), server.stop()])
  for (const request of requests)
    t.match(await (await request).json(), { error: { code: 'server_stopping' } })
  t.match(await (await stream).text(), /"code":"server_stopping"/)
  t.same(server.load(), { running: 0, waiting: 0 })
  t.equal(server.active, 0)
})

t.test('a client that does not read does not keep the server', async (t) => {
  const server = await testServer(t, { grace: 0.02 })
  const body = JSON.stringify({ ...endless, stream: true })
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.pause()
  socket.write(
    `POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  await until(() => server.active === 1)
  await server.stop()
  t.equal(server.active, 0)
  socket.destroy()
})

t.test('the command serves until it is told to stop', async (t) => {
  const env = {
    ...process.env,
    OPENELM_MODEL: await lexiconFile(t),
    OPENELM_THREADS: '1',
    OPENELM_API_KEY: '',
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const child = spawn(
      process.execPath,
      [join(root, 'bin/openelm.js'), 'serve', '--port', '0', '-n', '30'],
      { env },
    )
    let [out, err] = ['', '']
    child.stderr.on('data', (data) => {
      err += data
    })
    await new Promise<void>((resolve) =>
      child.stdout.on('data', (data) => {
        out += data
        if (out.includes('\n')) resolve()
      }),
    )
    t.match(out, /^http:\/\/127\.0\.0\.1:\d+\/v1\n$/)
    t.match(err, /slots of 256 tokens with at most \d.* of kv cache\n$/)
    const answer = fetch(`${out.trim()}/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'Define', ignore_eos: true, stream: true }),
    })
    const text = (await answer).text()
    const closed = new Promise((resolve) => child.on('close', (...status) => resolve(status)))
    child.kill(signal)
    t.match(await text, /"finish_reason":"length".*\n\ndata: \[DONE\]\n\n$/s, 'what ran was finished')
    t.same(await closed, [0, null], signal)
  }
})
