import { openelmBench } from './lib/openelm.js'
import { digits, type Summary, summarize, withSpread } from './lib/stats.js'
import { markdownTable } from './lib/table.js'

export interface EngineOptions {
  readonly size: string
  readonly types: readonly string[]
  readonly threads: number
  readonly rounds: number
  /** GB/s that reading memory reaches with these threads, where it was measured. */
  readonly read: number | undefined
  readonly quick: boolean
}

export interface EngineRow {
  readonly model: string
  readonly test: string
  readonly isa: string
  readonly rate: Summary
  /** Decoding: share of the read bandwidth that streaming the weights takes. */
  readonly share: number | undefined
}

/** Prefill and decode of a synthetic model, end to end, each round in a fresh process. */
export async function benchEngine(options: EngineOptions): Promise<EngineRow[]> {
  const { size, types, threads, rounds, read, quick } = options
  const tests = quick ? ['-p', '16', '-n', '4', '-r', '1'] : ['-p', '16,128,512', '-n', '128', '-r', '3']
  const rates = new Map<string, { isa: string; bytes: number; samples: number[] }>()
  for (let round = 0; round < rounds; round++) {
    for (const type of types) {
      const entries = await openelmBench(['--synthetic', size, '--type', type, '-t', `${threads}`, ...tests])
      for (const entry of entries) {
        const key = `${size} ${type}|${entry.test}`
        const known = rates.get(key) ?? { isa: entry.isa, bytes: entry.model_size, samples: [] }
        known.samples.push(...entry.samples_ts)
        rates.set(key, known)
      }
    }
  }
  return [...rates].map(([key, { isa, bytes, samples }]) => {
    const [model = '', test = ''] = key.split('|')
    const rate = summarize(samples)
    const share = test.startsWith('tg') && read ? (rate.median * bytes) / 1e9 / read : undefined
    return { model, test, isa, rate, share }
  })
}

export const engineTable = (rows: readonly EngineRow[]): string =>
  markdownTable(
    ['model', 'isa', 'test', 'tokens/s, median (range)', '± sd', 'share of bandwidth'],
    rows.map(({ model, isa, test, rate, share }) => [
      model,
      isa,
      test,
      withSpread(rate),
      digits(rate.sd),
      share === undefined ? '' : `${Math.round(share * 100)} %`,
    ]),
    3,
  )
