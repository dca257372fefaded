import { nearest } from '../ui/nearest.js'
import type { CommandModule } from './command.js'

/** Every command; its module is imported only when it is called, so that `run` never loads the chat interface. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  chat: async () => (await import('./commands/chat.js')).command,
  run: async () => (await import('./commands/run.js')).command,
  serve: async () => (await import('./commands/serve.js')).command,
  convert: async () => (await import('./commands/convert.js')).command,
  inspect: async () => (await import('./commands/inspect.js')).command,
  bench: async () => (await import('./commands/bench.js')).command,
}

/** The loader of a command, or undefined for an unknown name. */
export function findCommand(name: string): (() => Promise<CommandModule>) | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
}

/** The command whose name is nearest to a misspelt one, if any is near. */
export function suggest(name: string): string | undefined {
  return nearest(name, Object.keys(COMMANDS))
}

export const MANUAL = `openelm runs Apple's OpenELM language models on this machine's processor.

Usage: openelm COMMAND [OPTION…]

Commands:
  chat        talk to a model in the terminal
  run         answer one prompt, from arguments or a pipe, and stop
  serve       answer requests over HTTP, in the manner of OpenAI's API
  bench       measure tokens per second
  convert     turn a Hugging Face checkpoint or a GGUF file into a quantized GGUF file
  inspect     show what is in a model file

Options:
  -h, --help      this page; after a command, the page of that command
  -V, --version   the version of openelm

Every command takes -m, --model PATH: a GGUF file. Without it OPENELM_MODEL names the model,
and without that it is the small dictionary model that ships with openelm.

Examples:
  openelm chat
  openelm run "Define ocean."
  git diff | openelm run -m 1.1b-instruct.gguf "Say what this change does."
  openelm serve --port 8080
  openelm convert ./OpenELM-270M-Instruct -o 270m.gguf --type q4_0
  openelm bench --synthetic 270M --type q8_0

Environment:
  OPENELM_MODEL     the model to use where -m is not given
  OPENELM_THREADS   worker threads where -t is not given
  OPENELM_ISA       kernels where --isa is not given: reference, avx2, avx512, amx or neon
  OPENELM_API_KEY   what clients of serve must send where --api-key is not given
  OPENELM_DEBUG     1 adds stack traces to errors

Exit status: 0 done, 1 failure, 2 wrong usage, 130 interrupted.
`
