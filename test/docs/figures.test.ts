/** Figures of docs/formats.md and docs/performance.md are those of the code, the reference data and bench/README.md. */
import tap from 'tap'
import { ggmlTypes } from '../../src/formats/ggml-types.js'
import { kvCacheBytes, parameterCount } from '../../src/model/config.js'
import { presetConfig, presetNames } from '../../src/model/presets.js'
import { textOf } from '../support/files.js'
import { goldenFloats, goldenJson } from '../support/golden.js'

const formats = textOf('docs/formats.md')

/** The cells of a table's rows that begin with something. */
const rowsOf = (text: string): readonly (readonly string[])[] =>
  (text.match(/^\|.*\|$/gm) ?? []).map((row) =>
    row.split(' | ').map((cell) => cell.replace(/^\||\|$/g, '').trim()),
  )

const rows = rowsOf(formats)
const rowOf = (first: string) => rows.find(([cell]) => cell === first) ?? []

tap.test('bits of a weight of every type', async (t) => {
  for (const { name, blockBytes, blockElements } of ggmlTypes) {
    const row = rows.find(
      ([cell = '', bits = '']) => cell.split(', ').includes(name) && /^[\d.]+$/.test(bits),
    )
    t.equal(Number(row?.[1]), (8 * blockBytes) / blockElements, name)
  }
})

/** ‖a − b‖ / ‖b‖ of recorded logits, over all files. */
function errorOf(files: readonly (readonly [string, string])[]): number {
  let [difference, norm] = [0, 0]
  for (const [name, exact] of files) {
    const [a, b] = [goldenFloats(name), goldenFloats(exact)]
    b.forEach((value, i) => {
      difference += ((a[i] ?? 0) - value) ** 2
      norm += value ** 2
    })
  }
  return Math.sqrt(difference / norm)
}

tap.test('what the types cost, as recorded', async (t) => {
  const { perplexity } = goldenJson<{ perplexity: Record<string, { ppl: number; tokens: number }> }>(
    'lexicon/golden/golden.json',
  )
  const exact = perplexity.f16?.ppl ?? 0
  t.match(
    rows.find(([cell, value]) => cell === 'F16' && value === exact.toFixed(4)),
    ['F16'],
  )
  t.match(formats, `(${perplexity.f16?.tokens.toLocaleString('en')} tokens)`)
  for (const type of ['q8_0', 'q4_0']) {
    const ppl = perplexity[type]?.ppl ?? 0
    const cell = `${ppl.toFixed(4)} (+${(100 * (ppl / exact - 1)).toFixed(2)} %)`
    const row = rows.find(([first, second]) => first === type.toUpperCase() && second === cell) ?? []
    t.equal(row[1], cell, type)
    const lexicon = (of: string) => [0, 1].map((i) => `lexicon/golden/logits-${i}-${of}.f32`)
    const trained = errorOf(lexicon(type).map((name, i) => [name, lexicon('f16')[i] ?? ''] as const))
    t.equal(Number(row[2]), Number(trained.toPrecision(type === 'q8_0' ? 1 : 2)), `${type}, trained model`)
    const random = errorOf([[`synthetic/270M-24-${type}.f32`, 'synthetic/270M-24.f32']])
    t.equal(row[3], random.toFixed(3), `${type}, random weights`)
  }
})

tap.test('sizes of the published models', async (t) => {
  for (const name of presetNames) {
    const config = presetConfig(name)
    const count = parameterCount(config)
    const gigabytes = (bits: number) => `${((count * bits) / 8e9).toFixed(2)} GB`
    const cache = kvCacheBytes(config, 'f16', 2048) / 2 ** 20
    t.same(rowOf(name), [name, count.toLocaleString('en'), ...[16, 8.5, 4.5].map(gigabytes), `${cache} MiB`])
  }
})

tap.test('figures of speed are those of bench/README.md', async (t) => {
  const measured = rowsOf(textOf('bench/README.md'))
  const quoted = rowsOf(textOf('docs/performance.md')).filter(([model = '']) => /^[\d.]+[MB] Q/.test(model))
  t.ok(quoted.length > 5, 'figures were found')
  const number = (cell = '') => /^[\d.,]+/.exec(cell)?.[0]
  for (const [model, test, ours, peer, ratio] of quoted) {
    const row = measured.find(([a, b, c]) => a === model && b === test && number(c) === ours)
    t.ok(row, `${model} ${test}: ${ours}`)
    t.ok(row?.map(number).includes(peer), `${model} ${test}: the peer's ${peer}`)
    t.ok(row?.map(number).includes(ratio), `${model} ${test}: ratio ${ratio}`)
  }
})
