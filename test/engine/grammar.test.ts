/** Generations that a grammar constrains, on a trained model and on one of noise, alone and in a batch. */
import tap from 'tap'
import { compileGrammar } from '../../src/engine/grammar.js'
import { Model } from '../../src/engine/model.js'
import type { GenerateOptions } from '../../src/engine/types.js'
import { bytesOf } from '../grammar/fixtures.js'
import { DEFINE_OCEAN, lexiconFile } from '../support/lexicon.js'

const word = {
  type: 'object',
  properties: {
    word: { type: 'string', minLength: 1, maxLength: 12 },
    kind: { enum: ['noun', 'verb', 'adjective'] },
    senses: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 3 },
  },
  required: ['word', 'kind', 'senses'],
} as const

tap.test('a trained model', async (t) => {
  const model = await Model.load(await lexiconFile(t), { threads: 1 })
  t.teardown(() => model.dispose())
  const say = async (options: GenerateOptions, nCtx?: number) => {
    const session = model.createSession(nCtx === undefined ? {} : { nCtx })
    try {
      return await session.generate(DEFINE_OCEAN, options).result
    } finally {
      await session.dispose()
    }
  }

  t.test('schemas hold at any limit and temperature', async (t) => {
    for (const temperature of [0, 1]) {
      for (const maxTokens of [30, 31, 33, 36, 40, 50, 90]) {
        const { text, tokens, finishReason } = await say({
          schema: word,
          maxTokens,
          temperature,
          seed: maxTokens,
        })
        t.ok(tokens.length <= maxTokens)
        t.match(JSON.parse(text), { word: /./, kind: /^(noun|verb|adjective)$/, senses: [String] }, text)
        t.match(finishReason, /^(eos|length)$/)
      }
    }
  })

  t.test('the reason says who ended the text', async (t) => {
    const asked = await say({ grammar: 'root ::= "Ocean is a noun."', maxTokens: 40 })
    t.match(asked, { text: 'Ocean is a noun.', finishReason: 'eos' }, 'nothing else was left')
    const cut = await say({ format: 'json', maxTokens: 12 })
    t.match(cut, { finishReason: 'length' })
    t.equal(typeof JSON.parse(cut.text), 'object')
    const full = await say({ format: 'json' }, 40)
    t.equal(full.finishReason === 'context' || full.finishReason === 'eos', true, full.finishReason)
    t.equal(typeof JSON.parse(full.text), 'object')
    const free = await say({ grammar: 'root ::= [^\\x00]*', temperature: 0, repeatPenalty: 1 })
    const plain = await say({ temperature: 0, repeatPenalty: 1 })
    t.same([free.text, free.finishReason], [plain.text, 'eos'], 'a grammar of any text changes nothing')
  })

  t.test('what cannot be', async (t) => {
    const fails = (options: GenerateOptions, code: string, message: RegExp) =>
      t.rejects(say(options), { code, message }, String(message))
    await fails({ schema: word, maxTokens: 3 }, 'E_GRAMMAR', /^The generation failed/)
    await fails({ format: 'json', maxTokens: 0 }, 'E_GRAMMAR', /^The generation failed/)
    await fails({ grammar: 'root ::= x' }, 'E_GRAMMAR', /^The grammar cannot be used: see line:column 1:10/)
    await fails({ grammar: '' }, 'E_USAGE', /^Expected a grammar/)
    await fails({ grammar: 'root ::= "a"', schema: {} }, 'E_USAGE', /grammar and schema exclude/)
    await fails({ grammar: 'root ::= "a"', format: 'json' }, 'E_USAGE', /grammar and format exclude/)
    await fails({ schema: {}, format: 'text' }, 'E_USAGE', /exclude each other/)
    await fails({ schema: {}, stop: ['a'] }, 'E_USAGE', /stop and schema exclude/)
    await fails({ format: 'yaml' as 'json' }, 'E_USAGE', /^Expected text or json for format/)
    await fails({ schema: 3 as unknown as boolean }, 'E_USAGE', /^Expected a JSON Schema/)
    await fails({ schema: { not: {} } }, 'E_GRAMMAR', /^The schema cannot be followed at "#\/not"/)
    t.match(await say({ grammar: 'root ::= ""', maxTokens: 0 }), { text: '', finishReason: 'length' })
    t.match(await say({ grammar: 'root ::= ""' }), { text: '', finishReason: 'eos' })
  })

  t.test('a batch says what a session says, whoever else is there', async (t) => {
    const options: GenerateOptions[] = [
      { schema: word, maxTokens: 60 },
      { maxTokens: 20 },
      { schema: word, maxTokens: 60, temperature: 1, seed: 3 },
      { grammar: 'root ::= ("ab" | "c")+', maxTokens: 9, temperature: 1, seed: 4 },
      { format: 'json', maxTokens: 30 },
    ]
    const batch = model.createBatch({ slots: 3 })
    const together = await Promise.all(options.map((one) => batch.generate(DEFINE_OCEAN, one).result))
    for (const [i, one] of options.entries()) {
      const alone = await say(one)
      t.match(together[i], { text: alone.text, finishReason: alone.finishReason })
    }
    await t.rejects(batch.generate(DEFINE_OCEAN, { schema: word, maxTokens: 3 }).result, {
      code: 'E_GRAMMAR',
    })
    t.match(await batch.generate(DEFINE_OCEAN, { grammar: 'root ::= ""' }).result, { finishReason: 'eos' })
    await batch.dispose()
  })
})

tap.test('a model of noise, with 32,000 tokens', async (t) => {
  const model = await Model.synthetic('270M', { type: 'q4_0', threads: 1 })
  t.teardown(() => model.dispose())
  const session = model.createSession({ nCtx: 256 })
  for (const temperature of [0, 2]) {
    session.truncate(0)
    const { text, timings, tokens } = await session.generate('a', {
      schema: word,
      maxTokens: 40,
      temperature,
      seed: 1,
    }).result
    t.match(JSON.parse(text), { word: /./ })
    t.comment(`${((timings.sampleSeconds / tokens.length) * 1000).toFixed(3)} ms a token to sample`)
  }
  session.truncate(0)
  const gbnf = 'root ::= ("é" | "😀" [^a-z])+ "."'
  const { text } = await session.generate('a', { grammar: gbnf, maxTokens: 60, temperature: 1, seed: 5 })
    .result
  t.match(text, /^(é|😀[^a-z])+\.$/u)
  const tokenizer = model.nativeTokenizer
  t.ok(tokenizer && compileGrammar(tokenizer, gbnf).match(bytesOf(text)) === 'complete')
})
