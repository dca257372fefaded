import type { Command } from 'commander'
import type { HelpPage } from './help.js'

/** What a command gets from main besides its options. */
export interface CommandContext {
  /** Arguments that are not options. */
  readonly args: readonly string[]
  /** Options as commander parsed them; commands check them with `readOptions`. */
  readonly raw: Readonly<Record<string, unknown>>
  /** Fires at the first Ctrl-C (SIGINT) or SIGTERM. A second one ends the process at once. */
  readonly signal: AbortSignal
}

/** One file of commands/: main imports it only when it is called. */
export interface CommandModule {
  readonly help: HelpPage
  /** Declares arguments; the options come from the help page's groups. */
  readonly define?: (command: Command) => void
  /** Other ways to write an option that commander cannot parse, such as `-pg` for `--pg`. */
  readonly spellings?: Readonly<Record<string, string>>
  /** Resolves to the exit code; throws OpenElmError for what a user should read. */
  readonly run: (context: CommandContext) => Promise<number>
}
