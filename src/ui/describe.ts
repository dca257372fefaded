import { OpenElmError } from '../errors.js'

/** An error as the lines a user reads: what failed, why, what next. */
export function describe(error: unknown): string {
  if (!(error instanceof OpenElmError)) return error instanceof Error ? error.message : String(error)
  return [error.message, error.why, error.next].filter((line) => line !== undefined).join('\n')
}
