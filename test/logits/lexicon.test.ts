import t from 'tap'
import { Model } from '../../src/index.js'
import type { KvType } from '../../src/native/binding.js'
import {
  errorBound,
  type GoldenType,
  goldenFloats,
  goldenJson,
  isas,
  relativeError,
} from '../support/golden.js'
import { convertedLexicon, temporaryFolder } from '../support/lexicon.js'

// The small trained checkpoint, converted by our own command, against logits and greedy text of exact arithmetic.

interface Golden {
  readonly prompts: { weights: GoldenType; ids: number[]; rows: number[]; file: string }[]
  readonly greedy: { user: string; prompt_ids: number[]; ids: number[]; text: string; min_margin: number }[]
}
const golden = goldenJson<Golden>('lexicon/golden/golden.json')
const VOCAB = 4096
const TYPES = ['f16', 'q8_0', 'q4_0'] as const

t.test('logits and greedy text', async (t) => {
  const folder = temporaryFolder(t)
  const files = new Map<GoldenType, string>()
  for (const type of TYPES) files.set(type, await convertedLexicon(folder, type))
  const file = (type: GoldenType) => files.get(type) as string

  for (const { name: isa, supported } of isas()) {
    t.test(isa, { skip: supported ? false : `${isa}: not run by this machine` }, async (t) => {
      for (const type of TYPES) {
        const model = await Model.load(file(type), { isa })
        const prompts = golden.prompts.filter((prompt) => prompt.weights === type)
        t.equal(prompts.length, 2, `${type}: two recorded prompts`)
        for (const { ids, rows, file } of prompts) {
          const recorded = goldenFloats(`lexicon/golden/${file}`)
          // One batch; one token at a time; uneven pieces.
          for (const nBatch of isa === 'reference' ? [512, 50] : [512, 1, 7]) {
            const session = model.createSession({ nCtx: 256, kvType: 'f32', nBatch })
            const logits = await session.evaluate(ids, { logits: 'all' })
            const error = relativeError(logits, rows, recorded, VOCAB)
            const bound = errorBound(isa, type)
            t.ok(error <= bound, `${type}, ${ids.length} ids, n_batch ${nBatch}: ${error.toExponential(2)}`)
            await session.dispose()
          }
        }
        await model.dispose()
      }
    })

    t.test(
      `${isa}: greedy text`,
      { skip: supported ? false : `${isa}: not run by this machine` },
      async (t) => {
        for (const threads of [1, 2]) {
          const model = await Model.load(file('f16'), { isa, threads })
          const session = model.createSession({ nCtx: 256 })
          // The scalar reference is slow: three answers tell enough of it.
          const questions = isa === 'reference' ? golden.greedy.slice(0, 3) : golden.greedy
          for (const { user, prompt_ids, ids, text, min_margin } of questions) {
            if (min_margin < 0.1) continue
            session.truncate(0)
            const generation = session.generate(Int32Array.from(prompt_ids), {
              temperature: 0,
              repeatPenalty: 1,
            })
            const result = await generation.result
            t.same([...result.tokens], ids, `${threads} threads: ${user}`)
            t.equal(result.text.trim(), text.trim(), user)
            t.equal(result.finishReason, 'eos')
          }
          await model.dispose()
        }
      },
    )
  }

  t.test('kv cache types', async (t) => {
    const model = await Model.load(file('f16'))
    const prompt = golden.prompts.find(({ weights, ids }) => weights === 'f16' && ids.length > 100)
    if (!prompt) throw new Error('no long prompt')
    const recorded = goldenFloats(`lexicon/golden/${prompt.file}`)
    // Relative precision of what is stored: 24, 11 and about 7 bits.
    const bounds: Record<KvType, number> = { f32: errorBound(model.isa, 'f16'), f16: 5e-3, q8_0: 5e-2 }
    const errors: number[] = []
    for (const kvType of ['f32', 'f16', 'q8_0'] as const) {
      // Few tokens at a time, for which no kernel rounds activations to bf16: that would drown the cache's rounding.
      const session = model.createSession({ nCtx: 256, kvType, nBatch: 8 })
      const logits = await session.evaluate(prompt.ids, { logits: 'all' })
      const error = relativeError(logits, prompt.rows, recorded, VOCAB)
      t.ok(error <= bounds[kvType], `${kvType}: ${error.toExponential(2)}`)
      errors.push(error)
    }
    t.ok((errors[0] as number) < (errors[1] as number), 'f16 rounds, f32 does not')
    await model.dispose()
  })
})
