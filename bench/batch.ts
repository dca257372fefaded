/**
 * What continuous batching gives: tokens a second of 1 to 16 sequences that share each pass, on random weights.
 *
 *     npx tsx bench/batch.ts [--size 270M] [--type q8_0,q4_0] [--threads N] [--rounds 3]
 */
import { parseArgs } from 'node:util'
import { Model, type SyntheticSize } from '../src/index.js'
import { digits, summarize, withSpread } from './lib/stats.js'
import { markdownTable } from './lib/table.js'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '270M' },
    type: { type: 'string', default: 'q8_0,q4_0' },
    threads: { type: 'string' },
    rounds: { type: 'string', default: '3' },
  },
})
const PROMPT = 64
const GENERATED = 48
const COUNTS = [1, 2, 4, 8, 16]

/** Prompts without a beginning in common. */
const prompt = (sequence: number) =>
  Array.from({ length: PROMPT }, (_, i) => 3 + ((sequence * 7919 + i * 37) % 30_000))

/** Tokens a second that `count` sequences decode together, and with their prompts. */
async function measure(model: Model, count: number): Promise<{ decode: number; overall: number }> {
  const batch = model.createBatch({ slots: count, nCtx: PROMPT + GENERATED })
  const start = performance.now()
  const options = { maxTokens: GENERATED, ignoreEos: true }
  const results = await Promise.all(
    Array.from({ length: count }, (_, i) => batch.generate(prompt(i), options).result),
  )
  const seconds = (performance.now() - start) / 1000
  await batch.dispose()
  return {
    decode: results.reduce((sum, { timings }) => sum + timings.decodeRate, 0),
    overall: (count * GENERATED) / seconds,
  }
}

const rows: string[][] = []
for (const type of values.type.split(',')) {
  const threads = values.threads === undefined ? {} : { threads: Number(values.threads) }
  const model = await Model.synthetic(values.size as SyntheticSize, { type, backend: 'cpu', ...threads })
  await measure(model, 1)
  let one = 0
  for (const count of COUNTS) {
    const samples = []
    for (let round = 0; round < Number(values.rounds); round++) samples.push(await measure(model, count))
    const decode = summarize(samples.map((sample) => sample.decode))
    const overall = summarize(samples.map((sample) => sample.overall))
    if (count === 1) one = decode.median
    rows.push([
      `${values.size} ${type}`,
      `${count}`,
      withSpread(decode),
      `${digits(decode.median / one)}×`,
      withSpread(overall),
    ])
  }
  await model.dispose()
}
console.log(markdownTable(['model', 'sequences', 'decode tokens/s', 'of one', 'with prompts'], rows, 1))
