import { OpenElmError } from '../errors.js'

export const EXIT = { done: 0, failure: 1, usage: 2, interrupted: 130 } as const

/**
 * One line that is safe to print: names and metadata of files end up in messages, and must not be able to move
 * the cursor or end the line.
 */
export function printable(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[\p{Cc}\u2028\u2029]/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function describe(error: unknown): OpenElmError {
  if (error instanceof OpenElmError) return error
  const what = error instanceof Error ? error.message : String(error)
  return new OpenElmError('E_NATIVE', `Unexpected error: ${what}`, {
    why: 'openelm ran into a case it does not handle; this is a bug.',
    next: 'Run it again with OPENELM_DEBUG=1 and report the output.',
    cause: error,
  })
}

/** The exit code that stands for an error. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof OpenElmError)) return EXIT.failure
  if (error.code === 'E_USAGE' || error.code === 'E_NO_TTY') return EXIT.usage
  if (error.code === 'E_ABORTED') return EXIT.interrupted
  return EXIT.failure
}

/** The up to three lines a user reads: what failed, why, what to do next; each ends in a newline. */
export function formatError(error: unknown): string {
  const { message, code, why, next } = describe(error)
  const lines = [`error: ${printable(message)} (${code})`]
  if (why) lines.push(`why:   ${printable(why)}`)
  if (next) lines.push(`next:  ${printable(next)}`)
  return `${lines.join('\n')}\n`
}

/** Prints an error on stderr, with its stack only where OPENELM_DEBUG=1 asks for it. Returns the exit code. */
export function reportError(error: unknown): number {
  process.stderr.write(formatError(error))
  if (process.env.OPENELM_DEBUG === '1' && error instanceof Error) {
    process.stderr.write(`${error.stack}\n`)
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
      process.stderr.write(`caused by ${cause.stack}\n`)
    }
  }
  return exitCodeOf(error)
}
