/** Summary of repeated measurements. Medians are what tables show: one disturbed trial does not move them. */
export interface Summary {
  readonly median: number
  readonly mean: number
  /** Sample standard deviation; 0 for a single sample. */
  readonly sd: number
  readonly min: number
  readonly max: number
  /** Quartiles. */
  readonly lower: number
  readonly upper: number
  readonly samples: readonly number[]
}

/** @throws RangeError without samples. */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new RangeError('no samples to summarize')
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (index: number): number => sorted[index] as number
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
  const mean = sorted.reduce((sum, x) => sum + x, 0) / sorted.length
  const squares = sorted.reduce((sum, x) => sum + (x - mean) ** 2, 0)
  const sd = sorted.length > 1 ? Math.sqrt(squares / (sorted.length - 1)) : 0
  return {
    median,
    mean,
    sd,
    min: at(0),
    max: at(sorted.length - 1),
    lower: at(Math.floor(sorted.length / 4)),
    upper: at(Math.floor((sorted.length * 3) / 4)),
    samples,
  }
}

/** "median (min–max)", three significant digits. */
export const withSpread = ({ median, min, max }: Summary): string =>
  `${digits(median)} (${digits(min)}–${digits(max)})`

/** Three significant digits, without an exponent. */
export const digits = (x: number): string =>
  x >= 100 ? Math.round(x).toLocaleString('en-US') : x.toPrecision(3)
