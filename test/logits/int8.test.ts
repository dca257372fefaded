import t from 'tap'
import { type Activations, Model } from '../../src/index.js'
import { type GoldenType, goldenFloats, goldenJson, relativeError, runs } from '../support/golden.js'
import { convertedLexicon, temporaryFolder } from '../support/lexicon.js'

// `activations: 'int8'` against logits of exact arithmetic on the same weights: what it may cost is stated here, and that it
// costs something shows that its kernels ran.

interface Synthetic {
  readonly prompts: readonly [{ readonly ids: number[]; readonly rows: number[] }]
}
interface Lexicon {
  readonly prompts: { weights: GoldenType; ids: number[]; rows: number[]; file: string }[]
  readonly greedy: { user: string; prompt_ids: number[]; ids: number[] }[]
}
const lexicon = goldenJson<Lexicon>('lexicon/golden/golden.json')
const TYPES = ['q8_0', 'q4_0'] as const

/** Relative errors of logits. Measured: 4.9e-2 and 4.6e-2 on random weights, which amplify every error; 0.97e-2 to 1.24e-2 on trained ones. */
const bounds = { random: { least: 1e-2, most: 7e-2 }, trained: { least: 3e-3, most: 2e-2 } }

/** Variants that have kernels for it. */
const fast = ['avx512'] as const

for (const isa of fast) {
  const skip = runs(isa) ? false : `${isa}: not run by this machine`

  t.test(`${isa}: random weights`, { skip }, async (t) => {
    const { ids, rows } = goldenJson<Synthetic>('synthetic/270M.json').prompts[0]
    const { least, most } = bounds.random
    for (const type of TYPES) {
      const model = await Model.synthetic('270M', { type, isa, activations: 'int8' })
      t.equal(model.activations, 'int8')
      const session = model.createSession({ nCtx: 64, kvType: 'f32' })
      const logits = await session.evaluate(ids, { logits: 'all' })
      const error = relativeError(logits, rows, goldenFloats(`synthetic/270M-24-${type}.f32`), 32000)
      t.ok(least < error && error <= most, `${type}: ${error.toExponential(2)}`)
      await model.dispose()
    }
  })

  t.test(`${isa}: trained weights`, { skip }, async (t) => {
    const folder = temporaryFolder(t)
    const { least, most } = bounds.trained
    for (const type of TYPES) {
      const model = await Model.load(await convertedLexicon(folder, type), { isa, activations: 'int8' })
      for (const { ids, rows, file } of lexicon.prompts.filter(({ weights }) => weights === type)) {
        const recorded = goldenFloats(`lexicon/golden/${file}`)
        for (const nBatch of [512, 7]) {
          const session = model.createSession({ nCtx: 256, kvType: 'f32', nBatch })
          const logits = await session.evaluate(ids, { logits: 'all' })
          const error = relativeError(logits, rows, recorded, 4096)
          t.ok(least < error && error <= most, `${type}, ${ids.length} ids: ${error.toExponential(2)}`)
          await session.dispose()
        }
      }
      await model.dispose()
    }
  })

  t.test(`${isa}: answers`, { skip }, async (t) => {
    const model = await Model.load(await convertedLexicon(temporaryFolder(t), 'q8_0'), {
      isa,
      activations: 'int8',
    })
    const session = model.createSession({ nCtx: 256 })
    // Those of exact arithmetic on f32 weights.
    for (const { user, prompt_ids, ids } of lexicon.greedy) {
      session.truncate(0)
      const sampling = { temperature: 0, repeatPenalty: 1 }
      const { tokens } = await session.generate(Int32Array.from(prompt_ids), sampling).result
      t.same([...tokens], ids, user)
    }
    await model.dispose()
  })
}

t.test('it changes nothing where it has no kernels', async (t) => {
  const folder = temporaryFolder(t)
  const ids = lexicon.prompts[0]?.ids ?? []
  const logitsOf = async (path: string, isa: 'reference' | undefined, activations: Activations) => {
    const model = await Model.load(path, { activations, ...(isa && { isa }) })
    t.equal(model.activations, 'auto', `${model.type} ${model.isa} ${activations}`)
    const logits = await model.createSession().evaluate(ids)
    await model.dispose()
    return logits
  }
  for (const [type, isa] of [
    ['f16', undefined],
    ['q8_0', 'reference'],
  ] as const) {
    const path = await convertedLexicon(folder, type)
    t.strictSame(await logitsOf(path, isa, 'int8'), await logitsOf(path, isa, 'auto'), type)
  }
})
