/** The server as OpenAI's own client sees it. */
import OpenAI from 'openai'
import t from 'tap'
import { goldenJson } from '../support/golden.js'
import { DEFINE_OCEAN } from '../support/lexicon.js'
import { testServer, until } from './server.js'

const { greedy } = goldenJson<{ greedy: { user: string; text: string; prompt_ids: number[] }[] }>(
  'lexicon/golden/golden.json',
)
const OCEAN =
  'Ocean is a noun. It means "a large body of water constituting a principal part of the hydrosphere".'
const messages = [{ role: 'user', content: DEFINE_OCEAN } as const]

const server = await testServer(t, {}, { slots: 3, maxWaiting: 32 })
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused', maxRetries: 0 })
const model = server.model.name

t.test('models', async (t) => {
  const { data } = await client.models.list()
  t.match(data, [{ id: model, object: 'model', owned_by: 'openelm', created: Number }])
  t.equal((await client.models.retrieve(model)).id, model)
  await t.rejects(client.models.retrieve('gpt-4o'), { status: 404, code: 'model_not_found' })
})

t.test('a chat completion', async (t) => {
  const answer = await client.chat.completions.create({ model, messages })
  t.match(answer, {
    id: /^chatcmpl-/,
    object: 'chat.completion',
    model,
    created: Number,
    choices: [
      { index: 0, message: { role: 'assistant', content: OCEAN }, finish_reason: 'stop', logprobs: null },
    ],
    usage: { prompt_tokens: 17, completion_tokens: 26, total_tokens: 43 },
  })
})

t.test('a chat completion as a stream', async (t) => {
  const stream = await client.chat.completions.create({
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  const roles: unknown[] = []
  const reasons: unknown[] = []
  const usages: unknown[] = []
  const ids = new Set<string>()
  for await (const chunk of stream) {
    ids.add(chunk.id)
    usages.push(chunk.usage)
    const choice = chunk.choices[0]
    if (!choice) continue
    text += choice.delta.content ?? ''
    if (choice.delta.role) roles.push(choice.delta.role)
    reasons.push(choice.finish_reason)
  }
  t.equal(text, OCEAN)
  t.same(roles, ['assistant'])
  t.equal(ids.size, 1)
  t.equal(reasons.pop(), 'stop')
  t.ok(reasons.every((reason) => reason === null))
  t.match(usages.pop(), { prompt_tokens: 17, completion_tokens: 26, total_tokens: 43 })
  t.ok(usages.every((usage) => usage === null))
  const plain = await client.chat.completions.create({ model, messages, stream: true, max_tokens: 2 })
  for await (const chunk of plain) t.notOk('usage' in chunk, 'only where it is asked for')
})

t.test('completions, whole and as a stream, of text and of ids', async (t) => {
  const ids = greedy[0]?.prompt_ids ?? []
  const options = { model, temperature: 0, frequency_penalty: 0, max_tokens: 60, repeat_penalty: 1 }
  const whole = await client.completions.create({ ...options, prompt: ids })
  t.match(whole, { id: /^cmpl-/, object: 'text_completion', choices: [{ index: 0, finish_reason: 'stop' }] })
  t.equal(whole.choices[0]?.text, greedy[0]?.text)
  let text = ''
  const stream = await client.completions.create({ ...options, prompt: ids, stream: true })
  for await (const chunk of stream) text += chunk.choices[0]?.text ?? ''
  t.equal(text, greedy[0]?.text)
  const words = await client.completions.create({ ...options, prompt: 'An ocean is', max_tokens: 3 })
  t.match(words.usage, { prompt_tokens: 5, completion_tokens: 3 })
  t.equal(words.choices[0]?.finish_reason, 'length')
})

t.test('many at once each get their own answer', async (t) => {
  const asked = [...greedy, ...greedy]
  const answers = await Promise.all(
    asked.map(({ user }) =>
      client.chat.completions.create({
        model,
        messages: [{ role: 'user', content: user }],
        temperature: 0,
        ...({ repeat_penalty: 1 } as object),
      }),
    ),
  )
  for (const [i, { user, text }] of asked.entries()) {
    const choice = answers[i]?.choices[0]
    if (choice?.finish_reason === 'stop') t.equal(choice.message.content, text, user)
  }
  t.same(server.load(), { running: 0, waiting: 0 })
})

t.test('parameters', async (t) => {
  const ask = async (extra: object) => {
    const { choices, usage } = await client.chat.completions.create({ model, messages, ...extra })
    return { text: choices[0]?.message.content, reason: choices[0]?.finish_reason, usage }
  }
  t.match(await ask({ max_tokens: 4 }), { text: 'Ocean is a', reason: 'length' })
  t.match(await ask({ max_completion_tokens: 4 }), { text: 'Ocean is a', reason: 'length' })
  t.match(await ask({ stop: 'noun' }), { text: 'Ocean is a ', reason: 'stop' })
  t.match(await ask({ stop: ['zzz', ' a'] }), { text: 'Ocean is', reason: 'stop' })
  const sampled = { temperature: 2, max_tokens: 12 }
  const first = await ask({ ...sampled, seed: 7 })
  t.equal((await ask({ ...sampled, seed: 7 })).text, first.text)
  t.not((await ask({ ...sampled, seed: 8 })).text, first.text)
  const neutral = { n: 1, logprobs: false, response_format: { type: 'text' }, user: 'me', stop: null }
  t.equal((await ask(neutral)).text, OCEAN, 'asking for nothing is fine')
  const parts = [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Define ' },
        { type: 'text', text: 'ocean.' },
      ],
    },
  ]
  t.equal((await ask({ messages: parts })).text, OCEAN)
  const system = [{ role: 'developer', content: 'Be brief.' }, ...messages]
  t.ok(((await ask({ messages: system, max_tokens: 1 })).usage?.prompt_tokens ?? 0) > 17)
})

t.test('a conversation is evaluated once', async (t) => {
  const long = {
    role: 'user',
    content: 'Define ocean, and mountain, and light, and dog, and tree, please, now.',
  } as const
  const first = await client.chat.completions.create({ model, messages: [long], max_tokens: 5 })
  t.equal(first.usage?.prompt_tokens_details?.cached_tokens, 0)
  const reply = { role: 'assistant', content: first.choices[0]?.message.content ?? '' } as const
  const next = await client.chat.completions.create({
    model,
    messages: [long, reply, ...messages],
    max_tokens: 1,
  })
  t.equal(next.usage?.prompt_tokens_details?.cached_tokens, 32)
})

t.test('a client that leaves frees its slot', async (t) => {
  const endless = { model, messages, ...({ ignore_eos: true } as object) }
  const stream = await client.chat.completions.create({ ...endless, stream: true })
  for await (const _ of stream) break
  stream.controller.abort()
  const controller = new AbortController()
  const whole = client.chat.completions.create(endless, { signal: controller.signal })
  await until(() => server.load().running > 0)
  controller.abort()
  await t.rejects(whole, /aborted/)
  await until(() => server.load().running === 0 && server.active === 0)
  t.pass('both are gone')
})
