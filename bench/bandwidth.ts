import { Model, type SyntheticSize } from '../src/index.js'
import type { IsaName, NativeBinding } from '../src/native/binding.js'
import { readBandwidth } from './kernels.js'
import { digits, type Summary, summarize } from './lib/stats.js'
import { markdownTable } from './lib/table.js'

export interface BandwidthOptions {
  readonly size: SyntheticSize
  readonly types: readonly string[]
  readonly threads: readonly number[]
  /** Whose way of reading memory decoding is compared with. */
  readonly isa: IsaName
  readonly quick: boolean
}

export interface BandwidthRow {
  readonly model: string
  readonly threads: number
  /** Tokens a second. */
  readonly rate: Summary
  /** GB/s. */
  readonly read: Summary
  /** Of each turn: tokens/s × bytes of weights over what reading reached just before and after. */
  readonly share: Summary
}

/**
 * The share of the memory's bandwidth that decoding reaches. Neighbours of a virtual machine move both by a third
 * within minutes, so a model decodes and memory is read in turns, in one process.
 */
export async function benchBandwidth(
  native: NativeBinding,
  { size, types, threads, isa, quick }: BandwidthOptions,
): Promise<BandwidthRow[]> {
  const [turns, tokens, seconds] = quick ? [1, 4, 0.02] : [12, 64, 0.1]
  const rows: BandwidthRow[] = []
  for (const type of types) {
    for (const count of threads) {
      const model = await Model.synthetic(size, { type, threads: count, backend: 'cpu' })
      const session = model.createSession({ nCtx: tokens + 1 })
      const decode = async (): Promise<number> => {
        session.truncate(0)
        const options = { maxTokens: tokens, ignoreEos: true }
        return (await session.generate([1], options).result).timings.decodeRate
      }
      const read = (): Promise<number> => readBandwidth(native, [isa], count, seconds)
      await decode()
      const samples: { rate: number; read: number }[] = []
      for (let turn = 0, before = await read(); turn < turns; turn++) {
        const rate = await decode()
        const after = await read()
        samples.push({ rate, read: (before + after) / 2 })
        before = after
      }
      rows.push({
        model: `${size} ${type}`,
        threads: count,
        rate: summarize(samples.map((sample) => sample.rate)),
        read: summarize(samples.map((sample) => sample.read)),
        share: summarize(samples.map((sample) => (sample.rate * model.weightBytes) / 1e9 / sample.read)),
      })
      await model.dispose()
    }
  }
  return rows
}

export const bandwidthTable = (rows: readonly BandwidthRow[]): string =>
  markdownTable(
    ['model', 'threads', 'tokens/s, median', 'read GB/s, median', 'share of bandwidth, median (middle half)'],
    rows.map(({ model, threads, rate, read, share }) => [
      model,
      `${threads}`,
      digits(rate.median),
      digits(read.median),
      `${percent(share.median)} % (${percent(share.lower)}–${percent(share.upper)})`,
    ]),
    1,
  )

const percent = (x: number): number => Math.round(x * 100)
