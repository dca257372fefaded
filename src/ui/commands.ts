import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ChatReply, ChatSession } from '../engine/chat/chat-session.js'
import { type Conversation, loadConversation, saveConversation } from '../engine/chat/conversation.js'
import type { GenerateOptions } from '../engine/types.js'
import { OpenElmError } from '../errors.js'
import { KEY_HELP } from './input/bindings.js'
import { nearest } from './nearest.js'
import type { Settings } from './settings.js'
import { columns, statsLines } from './text/tables.js'

/** What commands act on. */
export interface CommandContext {
  readonly chat: ChatSession
  readonly settings: Settings
  readonly modelName: string
  /** Folder for chats saved without a name. */
  readonly chatsDir: string
  print(text: string): void
  /** Shows the last turns of a conversation again. */
  replay(conversation: Conversation): void
  reply(start: (options: GenerateOptions) => ChatReply): void
  /** Puts text into the input to be edited; sending it replaces the last question. */
  compose(text: string): void
  leave(): void
}

export interface ChatCommand {
  readonly name: string
  readonly argument?: string
  readonly about: string
  readonly run: (context: CommandContext, argument: string) => void | Promise<void>
}

/** Every command of the chat; /help is made from this table. */
export const COMMANDS: readonly ChatCommand[] = [
  { name: 'help', about: 'show this', run: ({ print }) => print(helpText()) },
  {
    name: 'system',
    argument: '[TEXT | off]',
    about: 'show, set or remove the system prompt',
    run: ({ chat, print }, text) => {
      if (text === '') return print(`System prompt: ${chat.conversation.system ?? 'none'}`)
      chat.setSystem(text === 'off' ? undefined : text)
      print(text === 'off' ? 'The system prompt is removed.' : 'The system prompt is set.')
    },
  },
  {
    name: 'clear',
    about: 'forget the conversation; the system prompt stays',
    run: ({ chat, print }) => {
      chat.clear()
      print('The conversation is cleared.')
    },
  },
  {
    name: 'retry',
    about: 'answer the last question again',
    run: ({ chat, settings, print, reply }) => {
      chat.lastQuestion()
      if (settings.show('temp') === '0')
        print('At temperature 0 the answer stays the same; try /set temp 0.7.')
      reply((options) => chat.retry(options))
    },
  },
  {
    name: 'edit',
    argument: '[TEXT]',
    about: 'change the last question and ask it again',
    run: ({ chat, compose, reply }, text) => {
      const question = chat.lastQuestion()
      if (text === '') return compose(question)
      reply((options) => chat.edit(text, options))
    },
  },
  {
    name: 'save',
    argument: '[FILE]',
    about: 'save the conversation as JSON',
    run: async ({ chat, modelName, chatsDir, print }, file) => {
      const path = file === '' ? join(chatsDir, `${timestamp(new Date())}.json`) : toPath(file)
      await saveConversation(path, chat.conversation, modelName)
      print(`Saved to ${path}.`)
    },
  },
  {
    name: 'load',
    argument: 'FILE',
    about: 'go on with a saved conversation',
    run: async ({ chat, replay }, file) => {
      if (file === '') {
        throw new OpenElmError('E_USAGE', '/load needs the name of a file.', {
          next: 'Type for example /load chat.json.',
        })
      }
      const conversation = await loadConversation(toPath(file))
      chat.restore(conversation)
      replay(conversation)
    },
  },
  {
    name: 'set',
    argument: '[NAME [VALUE | default]]',
    about: 'show or change how replies are sampled',
    run: ({ settings, print }, argument) => {
      const [name = '', value] = argument.split(/\s+/)
      if (name === '') return print(columns(settings.list().map((s) => [s.name, s.value, s.about])))
      if (value !== undefined) settings.set(name, value)
      print(`${name} is ${settings.show(name)}`)
    },
  },
  {
    name: 'stats',
    about: 'tokens reused and evaluated, rates',
    run: ({ chat, print }) => print(statsLines(chat)),
  },
  { name: 'exit', about: 'leave', run: ({ leave }) => leave() },
]

/** The text of /help. */
export function helpText(): string {
  const commands = COMMANDS.map(({ name, argument, about }) => [
    `/${name}${argument ? ` ${argument}` : ''}`,
    about,
  ])
  const literal = [['//TEXT', 'send text that begins with a slash']]
  return columns([...commands, ...literal, ['', ''], ...KEY_HELP])
}

/** What a line of input means: a command with its argument, or a message. */
export type ParsedInput =
  | { readonly command: ChatCommand; readonly argument: string }
  | { readonly message: string }

/**
 * Reads what was typed. `/NAME` is a command, `//` begins a message with a slash.
 * @throws OpenElmError E_USAGE for an unknown command, suggesting the nearest
 */
export function parseInput(text: string): ParsedInput {
  if (text.startsWith('//')) return { message: text.slice(1) }
  if (!text.startsWith('/')) return { message: text }
  const [, name = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(text) ?? []
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command) return { command, argument: rest.trim() }
  const near = nearest(
    name,
    COMMANDS.map((candidate) => candidate.name),
  )
  throw new OpenElmError('E_USAGE', `There is no command /${name}.`, {
    next: near ? `Did you mean /${near}?` : 'Type /help to see all; to send the text, begin it with //.',
  })
}

/** The rest of a command's name, where what was typed can only become one. */
export function completeCommand(text: string): string | undefined {
  const typed = /^\/([a-z]*)$/.exec(text)?.[1]
  if (typed === undefined || typed === '') return undefined
  const matching = COMMANDS.filter(({ name }) => name.startsWith(typed))
  const [only] = matching
  return matching.length === 1 && only ? `/${only.name}${only.argument ? ' ' : ''}` : undefined
}

function toPath(file: string): string {
  return file === '~' || file.startsWith('~/') ? join(homedir(), file.slice(1)) : resolve(file)
}

/** Local time as part of a file name: 2026-01-31-180500. */
function timestamp(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())]
  return `${date.join('-')}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`
}
