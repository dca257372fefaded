import type { Model } from '../engine/model.js'
import { printable } from './report-error.js'

const told = new Set<string>()

/** Says on stderr, in one line and once, why no GPU computes where a build for one is here, or slower; else nothing. */
export function reportFallback({ fallback }: Pick<Model, 'fallback'>): void {
  if (fallback === undefined || told.has(fallback)) return
  told.add(fallback)
  process.stderr.write(`note:  ${printable(fallback)}\n`)
}
