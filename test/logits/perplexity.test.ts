import { readFileSync } from 'node:fs'
import t from 'tap'
import { type LoadOptions, Model } from '../../src/index.js'
import { type GoldenType, goldenJson, goldenPath, runs } from '../support/golden.js'
import { convertedLexicon, temporaryFolder } from '../support/lexicon.js'

// Perplexity of the small trained checkpoint on text it has not seen: each record alone, loss over every token but
// the first.

interface Recorded {
  readonly ppl: number
  readonly tokens: number
}
const { perplexity: recorded } = goldenJson<{ perplexity: Record<GoldenType, Recorded> }>(
  'lexicon/golden/golden.json',
)
const records = readFileSync(goldenPath('lexicon/golden/heldout.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => (JSON.parse(line) as { ids: number[] }).ids)

/** Negative log likelihood of token `id` under the logits of a row. */
function loss(logits: Float32Array, row: number, vocab: number, id: number): number {
  const values = logits.subarray(row * vocab, (row + 1) * vocab)
  let largest = Number.NEGATIVE_INFINITY
  for (const value of values) largest = Math.max(largest, value)
  let sum = 0
  for (const value of values) sum += Math.exp(value - largest)
  return Math.log(sum) + largest - (values[id] as number)
}

async function perplexity(path: string, options: LoadOptions = {}): Promise<Recorded> {
  const model = await Model.load(path, options)
  const session = model.createSession({ nCtx: 256 })
  let total = 0
  let tokens = 0
  for (const ids of records) {
    session.truncate(0)
    const logits = await session.evaluate(ids, { logits: 'all' })
    for (let i = 1; i < ids.length; i++) {
      total += loss(logits, i - 1, model.vocabSize, ids[i] as number)
      tokens++
    }
  }
  await model.dispose()
  return { ppl: Math.exp(total / tokens), tokens }
}

// Of the recorded f32 value: what rounding the weights to each type may cost.
const allowed = { f16: 0.001, q8_0: 0.005, q4_0: 0.06 } as const

t.test('perplexity on held-out text', async (t) => {
  const folder = temporaryFolder(t)
  for (const type of ['f16', 'q8_0', 'q4_0'] as const) {
    const { ppl, tokens } = await perplexity(await convertedLexicon(folder, type))
    t.equal(tokens, recorded[type].tokens, 'every token was scored')
    const against = Math.abs(ppl / recorded.f16.ppl - 1)
    t.ok(against <= allowed[type], `${type}: ${ppl.toFixed(4)}, ${(100 * against).toFixed(3)} % from f32`)
    const same = Math.abs(ppl / recorded[type].ppl - 1)
    t.ok(same <= 0.005, `${type}: ${(100 * same).toFixed(3)} % from exact arithmetic on the same weights`)
  }
})

t.test(
  'with 8-bit activations',
  { skip: runs('avx512') ? false : 'avx512: not run by this machine' },
  async (t) => {
    const folder = temporaryFolder(t)
    for (const type of ['q8_0', 'q4_0'] as const) {
      const { ppl } = await perplexity(await convertedLexicon(folder, type), {
        isa: 'avx512',
        activations: 'int8',
      })
      // Measured: 0.02 % and 0.01 %; Q4_0 itself costs 2 %.
      const same = Math.abs(ppl / recorded[type].ppl - 1)
      t.ok(same <= 0.005, `${type}: ${(100 * same).toFixed(3)} % from exact arithmetic on the same weights`)
    }
  },
)
