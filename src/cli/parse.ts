import { Command, CommanderError } from 'commander'
import { OpenElmError } from '../errors.js'
import type { CommandModule } from './command.js'
import { addOptions } from './options.js'

/**
 * Parses what follows a command's name. Undefined when help was asked for.
 * @throws OpenElmError E_USAGE
 */
export function parse(name: string, command: CommandModule, argv: readonly string[]) {
  const parser = new Command(name)
  parser
    .helpOption('-h, --help')
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
  for (const specs of Object.values(command.help.groups)) addOptions(parser, specs)
  command.define?.(parser)
  if (!command.define) parser.allowExcessArguments(false)
  try {
    parser.parse(
      argv.map((arg) => command.spellings?.[arg] ?? arg),
      { from: 'user' },
    )
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return undefined
    const [what = '', hint] = error.message.replace(/^error: /, '').split('\n')
    throw new OpenElmError('E_USAGE', `${what[0]?.toUpperCase()}${what.slice(1).replace(/\.$/, '')}.`, {
      ...(hint ? { why: hint.replace(/^\((.*)\)$/, '$1') } : {}),
      next: `See "openelm ${name} --help".`,
    })
  }
  return { args: parser.args, raw: parser.opts() }
}
