import * as z from 'zod'
import { loadChat } from '../../engine/chat/chat-file.js'
import { latestChat } from '../../engine/chat/saved-chats.js'
import { renderSegments } from '../../engine/chat/template.js'
import { Model } from '../../engine/model.js'
import { maxTokensSchema } from '../../engine/options.js'
import { OpenElmError } from '../../errors.js'
import { chatsFolder } from '../../ui/state-dir.js'
import type { CommandContext, CommandModule } from '../command.js'
import { reportFallback } from '../fallback.js'
import { refuseBaseModel, resolveModel } from '../model-argument.js'
import {
  contextOptions,
  definedOnly,
  flag,
  modelOptions,
  modelSpellings,
  numeric,
  option,
  readOptions,
  samplingOptions,
  toLoadOptions,
  toSampling,
  toSessionOptions,
} from '../options.js'

const themeSchema = z.enum(['dark', 'light', 'none'], { error: 'one of dark, light, none' }).optional()

const chatOptions = {
  system: option('--system <text>', 'system prompt', z.string().optional()),
  continue: flag('--continue', 'go on with the last conversation'),
  load: option('--load <file>', 'go on with a conversation that was saved', z.string().min(1).optional()),
  theme: option('--theme <name>', 'colours: dark, light or none (default: OPENELM_THEME)', themeSchema),
  maxTokens: option(
    '-n, --max-tokens <n>',
    'longest reply in tokens (default: what fits into the\ncontext)',
    numeric(maxTokensSchema),
  ),
} as const

const groups = {
  Chat: chatOptions,
  Model: modelOptions,
  Context: contextOptions,
  Sampling: samplingOptions,
} as const

const specs = { ...chatOptions, ...modelOptions, ...contextOptions, ...samplingOptions }

export const command: CommandModule = {
  help: {
    usage: ['openelm chat [MODEL] [OPTION…]'],
    about: `Talks with a model in the terminal. Replies appear as they are written; Ctrl-C stops one, and
pressed twice at the prompt leaves. Type /help in the chat for its commands and keys. MODEL is what
-m takes.`,
    groups,
    after: `When the context is full the oldest turns leave it; the system prompt stays. Every conversation is
saved as it happens, in ~/.local/state/openelm/chats (or where XDG_STATE_HOME says), with what was
typed in ../history.jsonl. docs/chat.md describes commands, keys, files and colours.
Without a terminal it does nothing and exits with 2: use "openelm run" there. Leaving by Ctrl-C
exits with 130, else with 0.

Examples:
  openelm chat
  openelm chat 270m-instruct
  openelm chat --continue
  openelm chat -m 270m-instruct.gguf --system "Answer in one sentence."
  openelm chat --temp 0.7 --top-p 0.9 --load yesterday.jsonl`,
  },
  spellings: modelSpellings,
  define: (parser) => parser.argument('[model|file]').allowExcessArguments(false),
  run,
}

async function run({ args, raw, signal }: CommandContext): Promise<number> {
  const options = readOptions(specs, raw)
  requireTerminal()
  const name = modelOf(args[0], options.model)
  refuseBaseModel(name)
  const path = await resolveModel(name, { yes: options.yes ?? false, signal })
  const saved = await savedChat(options)
  const tree = saved === undefined ? undefined : await loadChat(saved)
  // React's own checks are for those who develop interfaces; they cost speed and memory.
  process.env.NODE_ENV ??= 'production'
  // Only the chat needs ink and React; they load while the model does.
  const [model, { openChat }] = await Promise.all([
    Model.load(path, { ...toLoadOptions(options), signal }),
    import('../../ui/open-chat.js'),
  ])
  try {
    // Refuses a base model now, not at the first question.
    renderSegments(model, [{ role: 'user', content: '' }])
    reportFallback(model)
    return await openChat(model, model.createSession(toSessionOptions(options)), {
      tree,
      resume: options.continue ? saved : undefined,
      system: options.system,
      given: { ...toSampling(options), ...definedOnly({ maxTokens: options.maxTokens }) },
      theme: options.theme,
      signal,
    })
  } finally {
    await model.dispose()
  }
}

function modelOf(argument: string | undefined, given: string | undefined): string | undefined {
  if (argument === undefined || given === undefined) return argument ?? given
  throw new OpenElmError('E_USAGE', `Both "${argument}" and -m ${given} name a model.`, {
    why: 'A chat has one model.',
    next: 'Leave one of them out.',
  })
}

/** The file of the conversation to go on with, if one is asked for. */
async function savedChat(options: {
  readonly continue?: boolean | undefined
  readonly load?: string | undefined
}) {
  if (!options.continue) return options.load
  if (options.load === undefined) return latestChat(chatsFolder())
  throw new OpenElmError('E_USAGE', '--continue and --load cannot be given together.', {
    why: 'Each names a conversation to go on with.',
    next: 'Leave one of them out.',
  })
}

function requireTerminal(): void {
  if (process.stdin.isTTY && process.stdout.isTTY) return
  throw new OpenElmError('E_NO_TTY', 'The chat needs a terminal.', {
    why: `Standard ${process.stdin.isTTY ? 'output' : 'input'} is not one.`,
    next: 'Use "openelm run", which reads and writes pipes and files.',
  })
}
