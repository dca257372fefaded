import { existsSync } from 'node:fs'
import t from 'tap'
import { Model } from '../../src/index.js'
import { packageRoot } from '../../src/package-root.js'
import { type GoldenType, goldenFloats, goldenJson, relativeError } from '../support/golden.js'
import { convertedLexicon, temporaryFolder } from '../support/lexicon.js'

// The forward pass of GPUs, on the GPU of threads that only the build for tests has: the small trained checkpoint
// against logits and greedy text of exact arithmetic, with all layers there and with some of them on the CPU. On other
// GPUs: OPENELM_TEST_BACKEND names the backend, whose build OPENELM_ADDON names.

const backend = (process.env.OPENELM_TEST_BACKEND ?? 'host') as 'host' | 'cuda' | 'metal'
const addon = process.env.OPENELM_ADDON ?? `${packageRoot}build/cmake/Release/openelm_host.node`
process.env.OPENELM_ADDON = addon
const skip = existsSync(addon) ? false : 'npm run build:cmake has not made openelm_host.node'

interface Golden {
  readonly prompts: { weights: GoldenType; ids: number[]; rows: number[]; file: string }[]
  readonly greedy: { user: string; prompt_ids: number[]; ids: number[]; text: string; min_margin: number }[]
}
const golden = goldenJson<Golden>('lexicon/golden/golden.json')
const VOCAB = 4096

/** Kernels for few tokens are near exact; those for many, and the CPU's for layers there, may round to bf16. */
const BOUND = { few: 1e-3, many: 4e-2 }

t.test('logits', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  for (const type of ['f16', 'q8_0', 'q4_0'] as const) {
    const file = await convertedLexicon(folder, type)
    for (const gpuLayers of [3, undefined]) {
      const model = await Model.load(file, { backend, ...(gpuLayers === undefined ? {} : { gpuLayers }) })
      t.equal(model.backend, backend)
      t.equal(model.gpuLayers, gpuLayers ?? model.layers)
      for (const { ids, rows, file } of golden.prompts.filter((prompt) => prompt.weights === type)) {
        const recorded = goldenFloats(`lexicon/golden/${file}`)
        for (const nBatch of gpuLayers === undefined ? [512, 7] : [512]) {
          const session = model.createSession({ nCtx: 256, kvType: 'f32', nBatch })
          const logits = await session.evaluate(ids, { logits: 'all' })
          const error = relativeError(logits, rows, recorded, VOCAB)
          const bound = nBatch <= 8 && gpuLayers === undefined ? BOUND.few : BOUND.many
          const what = `${type}, ${model.gpuLayers} layers there, ${ids.length} ids, n_batch ${nBatch}`
          t.ok(error <= bound, `${what}: ${error.toExponential(2)}`)
          await session.dispose()
        }
      }
      await model.dispose()
    }
  }
})

// Random weights amplify every error: OpenELM-270M against logits of the model's original code.
t.test('synthetic weights', { skip }, async (t) => {
  const { prompts } = goldenJson<{ prompts: { ids: number[]; rows: number[] }[] }>('synthetic/270M.json')
  const [{ ids, rows } = { ids: [], rows: [] }] = prompts
  const vocab = 32000
  // Threads take their time.
  const [types, splits] =
    backend === 'host'
      ? [['q8_0'] as const, [ids.length]]
      : [['f16', 'q8_0', 'q4_0'] as const, [ids.length, 5, 1]]
  for (const type of types) {
    const recorded = goldenFloats(`synthetic/270M-24${type === 'f16' ? '' : `-${type}`}.f32`)
    const model = await Model.synthetic('270M', { type, backend })
    for (const nBatch of splits) {
      const session = model.createSession({ nCtx: 64, kvType: 'f32', nBatch })
      const error = relativeError(await session.evaluate(ids, { logits: 'all' }), rows, recorded, vocab)
      t.ok(error <= BOUND.many, `${type}, n_batch ${nBatch}: ${error.toExponential(2)}`)
      await session.dispose()
    }
    await model.dispose()
  }
})

t.test('greedy text', { skip }, async (t) => {
  const file = await convertedLexicon(temporaryFolder(t), 'f16')
  for (const gpuLayers of [2, undefined]) {
    const model = await Model.load(file, { backend, ...(gpuLayers === undefined ? {} : { gpuLayers }) })
    const session = model.createSession({ nCtx: 256 })
    const questions = golden.greedy.filter(({ min_margin }) => min_margin >= 0.1)
    for (const { user, prompt_ids, ids, text } of gpuLayers === undefined
      ? questions
      : questions.slice(0, 3)) {
      session.truncate(0)
      // Without a penalty the GPU picks the tokens, one ahead where it has all layers; with one the host does.
      const sampling = { temperature: 0, repeatPenalty: 1 }
      const result = await session.generate(Int32Array.from(prompt_ids), sampling).result
      t.same([...result.tokens], ids, `${model.gpuLayers} layers there: ${user}`)
      t.equal(result.text.trim(), text.trim(), user)
      t.equal(result.finishReason, 'eos')
      t.equal(session.nPast, prompt_ids.length + ids.length, 'what ran ahead does not count')
    }
    await model.dispose()
  }
})

t.test('batches', { skip }, async (t) => {
  const model = await Model.load(await convertedLexicon(temporaryFolder(t), 'f16'), { backend })
  const questions = golden.greedy.filter(({ min_margin }) => min_margin >= 0.1).slice(0, 6)
  const batch = model.createBatch({ slots: 3, nCtx: 256 })
  const results = await Promise.all(
    questions.map(
      ({ prompt_ids }) =>
        batch.generate(Int32Array.from(prompt_ids), { temperature: 0, repeatPenalty: 1 }).result,
    ),
  )
  for (const [i, { user, ids }] of questions.entries()) t.same([...(results[i]?.tokens ?? [])], ids, user)
  await model.dispose()
})
