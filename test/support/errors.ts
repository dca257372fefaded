import { type ErrorCode, OpenElmError } from '../../src/errors.js'

/** What a function throws. @throws when it throws nothing, or something else than an OpenElmError */
export function errorOf(run: () => unknown): OpenElmError {
  try {
    run()
  } catch (error) {
    if (error instanceof OpenElmError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** What a promise rejects with. @throws when it resolves, or rejects with something else than an OpenElmError */
export async function rejectionOf(promise: Promise<unknown>): Promise<OpenElmError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof OpenElmError) return error
    throw error
  }
  throw new Error('the promise was not rejected')
}

/** Runs a reader on input that may be damaged: true when it accepts it, false for an error of one of the codes. */
export function accepts(run: () => unknown, codes: readonly ErrorCode[]): boolean {
  try {
    run()
    return true
  } catch (error) {
    if (error instanceof OpenElmError && codes.includes(error.code) && error.why && error.next) return false
    throw error
  }
}
