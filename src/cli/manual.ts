import { nearest } from '../ui/nearest.js'
import type { CommandModule } from './command.js'

interface Command {
  /** One line of the manual. */
  readonly about: string
  /** Imports the command's module. */
  readonly load: () => Promise<CommandModule>
}

/**
 * Every command, in the manual's order; its module is imported only when it is called, so that `run` never loads the
 * chat interface.
 */
export const COMMANDS: Readonly<Record<string, Command>> = {
  chat: {
    about: 'talk to a model in the terminal',
    load: async () => (await import('./commands/chat.js')).command,
  },
  run: {
    about: 'answer one prompt, from arguments or a pipe, and stop',
    load: async () => (await import('./commands/run.js')).command,
  },
  pull: {
    about: 'download a model from the Hugging Face Hub and convert it',
    load: async () => (await import('./commands/pull.js')).command,
  },
  list: {
    about: 'list the models that were pulled',
    load: async () => (await import('./commands/list.js')).command,
  },
  show: {
    about: 'show config, licence, source and path of a model that was pulled',
    load: async () => (await import('./commands/show.js')).command,
  },
  rm: {
    about: 'remove models that were pulled',
    load: async () => (await import('./commands/rm.js')).command,
  },
  serve: {
    about: "answer requests over HTTP, in the manner of OpenAI's API",
    load: async () => (await import('./commands/serve.js')).command,
  },
  bench: {
    about: 'measure tokens per second',
    load: async () => (await import('./commands/bench.js')).command,
  },
  devices: {
    about: 'show the processor and the GPUs that can compute here',
    load: async () => (await import('./commands/devices.js')).command,
  },
  convert: {
    about: 'turn a Hugging Face checkpoint or a GGUF file into a quantized GGUF file',
    load: async () => (await import('./commands/convert.js')).command,
  },
  inspect: {
    about: 'show what is in a model file',
    load: async () => (await import('./commands/inspect.js')).command,
  },
  completion: {
    about: 'print a script with which a shell completes commands and options',
    load: async () => (await import('./commands/completion.js')).command,
  },
}

/** The loader of a command, or undefined for an unknown name. */
export function findCommand(name: string): (() => Promise<CommandModule>) | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]?.load : undefined
}

/** The command whose name is nearest to a misspelt one, if any is near. */
export function suggest(name: string): string | undefined {
  return nearest(name, Object.keys(COMMANDS))
}

const commandLines = Object.entries(COMMANDS)
  .map(([name, { about }]) => `  ${name.padEnd(12)}${about}`)
  .join('\n')

export const MANUAL = `openelm runs Apple's OpenELM language models on this machine's processor or GPU.

Usage: openelm COMMAND [OPTION…]

Commands:
${commandLines}

Options:
  -h, --help      this page; after a command, the page of that command
  -V, --version   the version of openelm

chat, run and bench take -m, --model MODEL: a GGUF file, or a name. 270m, 450m, 1.1b and 3b, each
also with -instruct, are Apple's checkpoints; owner/name is a repository of the Hugging Face Hub.
What is not on this machine is downloaded if you agree. Without -m OPENELM_MODEL names the model,
and without that it is the small dictionary model that ships with openelm.

Examples:
  openelm chat
  openelm run "Define ocean."
  openelm chat 270m-instruct
  git diff | openelm run 1.1b-instruct "Say what this change does."
  openelm serve --port 8080
  openelm convert ./OpenELM-270M-Instruct -o 270m.gguf --type q4_0
  openelm bench --synthetic 270M --type q8_0

Environment:
  OPENELM_MODEL     the model to use where -m is not given
  OPENELM_THREADS   worker threads where -t is not given
  OPENELM_ISA       kernels where --isa is not given: reference, avx2, avx512, amx or neon
  OPENELM_BACKEND, OPENELM_GPU_LAYERS
                    what computes where --backend and --gpu-layers are not given
  OPENELM_API_KEY   what clients of serve must send where --api-key is not given
  OPENELM_DEBUG     1 adds stack traces to errors
  HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE
                    as for other tools of the Hugging Face Hub; see docs/models.md

Exit status: 0 done, 1 failure, 2 wrong usage, 130 interrupted.
`
