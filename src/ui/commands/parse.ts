import { OpenElmError } from '../../errors.js'
import { nearest } from '../nearest.js'
import type { ChatCommand } from './command.js'
import { COMMANDS } from './table.js'

/** What a line of input means: a command with its argument, or a message. */
export type ParsedInput =
  | { readonly command: ChatCommand; readonly argument: string }
  | { readonly message: string }

/** Whether what was typed is meant for the chat, not for the model. */
export const isCommand = (text: string): boolean => text.startsWith('/') && !text.startsWith('//')

/**
 * Reads what was typed. `/NAME` is a command, `//` begins a message with a slash.
 * @throws OpenElmError E_USAGE for an unknown command, suggesting the nearest
 */
export function parseInput(text: string): ParsedInput {
  if (text.startsWith('//')) return { message: text.slice(1) }
  if (!text.startsWith('/')) return { message: text }
  const [, name = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(text) ?? []
  const command = COMMANDS.find((candidate) => candidate.name === name || candidate.aliases?.includes(name))
  if (command) return { command, argument: rest.trim() }
  const near = nearest(
    name,
    COMMANDS.flatMap((candidate) => [candidate.name, ...(candidate.aliases ?? [])]),
  )
  throw new OpenElmError('E_USAGE', `There is no command /${name}.`, {
    next: near ? `Did you mean /${near}?` : 'Type /help to see all; to send the text, begin it with //.',
  })
}
