import { OpenElmError } from '../errors.js'
import { findCommand, MANUAL, suggest } from './manual.js'
import { EXIT, reportError } from './report-error.js'
import { version } from './version.js'

function print(text: string): number {
  process.stdout.write(text)
  return EXIT.done
}

/** Adds where to read on to an error of usage that does not say it. */
function withNext(error: unknown, next: string): unknown {
  if (!(error instanceof OpenElmError) || error.code !== 'E_USAGE' || error.next !== undefined) return error
  return new OpenElmError(error.code, error.message, {
    ...(error.why ? { why: error.why } : {}),
    next,
    cause: error,
  })
}

/** Runs a command under a signal that Ctrl-C and SIGTERM fire. */
async function runInterruptible(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController()
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    controller.abort()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    return await run(controller.signal)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv
  if (first === undefined) {
    process.stderr.write(MANUAL)
    return EXIT.usage
  }
  if (first === '-V' || first === '--version') return print(`${version()}\n`)
  if (first === '-h' || first === '--help') return print(MANUAL)
  if (first === 'help') return rest[0] === undefined ? print(MANUAL) : dispatch([rest[0], '--help'])
  if (first.startsWith('-')) {
    throw new OpenElmError('E_USAGE', `Unknown option "${first}" before a command.`, {
      why: 'Options follow the command, as in "openelm run -n 20 Hello".',
      next: 'See "openelm --help".',
    })
  }
  const load = findCommand(first)
  if (!load) {
    const near = suggest(first)
    throw new OpenElmError('E_USAGE', `Unknown command "${first}".`, {
      why: near ? `Did you mean "openelm ${near}"?` : 'The first argument names what openelm should do.',
      next: 'See "openelm --help".',
    })
  }
  // What only a command needs is loaded only for one: the manual and errors of usage come at once.
  const [command, { parse }] = await Promise.all([load(), import('./parse.js')])
  const parsed = parse(first, command, rest)
  if (!parsed) return print((await import('./help.js')).renderHelp(command.help))
  try {
    return await runInterruptible((signal) => command.run({ ...parsed, signal }))
  } catch (error) {
    throw withNext(error, `See "openelm ${first} --help".`)
  }
}

/**
 * The command line: runs what `argv` (without node and script) asks for and resolves to the exit code: 0 done,
 * 1 failure, 2 wrong usage, 130 interrupted. Errors are printed on stderr; it never rejects.
 */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(argv)
  } catch (error) {
    return reportError(error)
  }
}
