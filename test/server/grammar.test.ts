/** Answers of a given form, as OpenAI's client and llama.cpp's clients ask for them. */
import OpenAI from 'openai'
import t from 'tap'
import { DEFINE_OCEAN } from '../support/lexicon.js'
import { testServer } from './server.js'

const server = await testServer(t, {}, { slots: 2, maxWaiting: 32 })
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused', maxRetries: 0 })
const model = server.model.name
const messages = [{ role: 'user', content: DEFINE_OCEAN } as const]
const schema = {
  type: 'object',
  properties: { word: { type: 'string', maxLength: 20 }, count: { type: 'integer', minimum: 0, maximum: 9 } },
  required: ['word', 'count'],
  additionalProperties: false,
}

t.test('json_schema', async (t) => {
  const asked = {
    model,
    messages,
    max_tokens: 40,
    response_format: { type: 'json_schema', json_schema: { name: 'entry', strict: true, schema } },
  } as const
  const { choices } = await client.chat.completions.create(asked)
  t.match(JSON.parse(choices[0]?.message.content ?? ''), { word: String, count: Number })
  let text = ''
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? ''
  }
  t.equal(text, choices[0]?.message.content)
})

t.test('json_object, cut short by the limit, is whole all the same', async (t) => {
  const { choices } = await client.chat.completions.create({
    model,
    messages,
    max_tokens: 9,
    response_format: { type: 'json_object' },
  })
  t.equal(typeof JSON.parse(choices[0]?.message.content ?? ''), 'object')
  t.equal(choices[0]?.finish_reason, 'length')
})

t.test('grammar and json_schema of llama.cpp', async (t) => {
  const text = async (fields: object) => {
    const response = await server.post('/v1/completions', { prompt: 'Ocean', ...fields })
    return ((await response.json()) as { choices: { text: string }[] }).choices[0]?.text
  }
  t.match(await text({ grammar: 'root ::= "a" | "b"' }), /^[ab]$/)
  t.match(await text({ json_schema: { enum: [1, 2] } }), /^[12]$/)
  t.equal(await text({ grammar: null, max_tokens: 1 }), await text({ max_tokens: 1 }))
})

t.test('what cannot be', async (t) => {
  const cases: [object, string, RegExp][] = [
    [{ grammar: 'root ::= x' }, 'invalid_grammar', /line:column 1:10.*"x" is not defined/],
    [{ grammar: 3 }, 'invalid_value', /^Expected a grammar/],
    [{ json_schema: { not: {} } }, 'invalid_grammar', /at "#\/not".*not supported/],
    [{ json_schema: {}, max_tokens: 0 }, 'invalid_grammar', /at most 0 may be generated/],
    [{ json_schema: {}, stop: 'a' }, 'invalid_value', /stop and schema exclude/],
    [{ response_format: { type: 'json_schema' } }, 'missing_parameter', /json_schema/],
    [
      { response_format: { type: 'json_schema', json_schema: { schema: 3 } } },
      'invalid_value',
      /a JSON Schema/,
    ],
    [{ response_format: { type: 'json_object', more: 1 } }, 'invalid_value', /./],
  ]
  for (const [fields, code, message] of cases) {
    const response = await server.post('/v1/chat/completions', { messages, ...fields })
    t.match(
      await response.json(),
      { error: { code, message, type: 'invalid_request_error' } },
      JSON.stringify(fields),
    )
    t.equal(response.status, 400)
  }
  t.match(server.load(), { running: 0, waiting: 0 })
})
