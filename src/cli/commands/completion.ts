import { Argument } from 'commander'
import type { CommandContext, CommandModule } from '../command.js'
import { Output } from '../output.js'
import { EXIT } from '../report-error.js'
import { bashScript } from '../shell/bash.js'
import { type CommandDescription, describeCommands } from '../shell/describe.js'
import { fishScript } from '../shell/fish.js'
import { zshScript } from '../shell/zsh.js'

const scripts: Readonly<Record<string, (commands: readonly CommandDescription[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

export const command: CommandModule = {
  help: {
    usage: ['openelm completion SHELL'],
    about: `Prints a script with which a shell completes commands, options, their values and names of models.
SHELL is bash, zsh or fish.`,
    groups: {},
    after: `docs/shell.md says how to load it in every new shell.

Examples:
  source <(openelm completion bash)
  source <(openelm completion zsh)
  openelm completion fish | source`,
  },
  define: (parser) =>
    parser.addArgument(new Argument('<shell>').choices(Object.keys(scripts))).allowExcessArguments(false),
  run,
}

async function run({ args: [shell = ''] }: CommandContext): Promise<number> {
  // The parser lets through the names of scripts and nothing else.
  await new Output(process.stdout).write(scripts[shell]?.(await describeCommands()) ?? '')
  return EXIT.done
}
