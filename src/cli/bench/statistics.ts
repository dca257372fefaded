export interface Summary {
  readonly mean: number
  /** Sample standard deviation; 0 for a single value. */
  readonly sd: number
  readonly median: number
}

/** Mean, standard deviation and median of at least one value. */
export function summarize(values: readonly number[]): Summary {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const upper = sorted[half] ?? Number.NaN
  return {
    mean,
    sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0,
    median: sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? upper) + upper) / 2,
  }
}
