import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { OpenElmError } from '../../errors.js'
import { writeAtomic } from '../write-atomic.js'
import { exportedJson } from './chat-file.js'
import type { Conversation } from './conversation.js'

/** The conversation as Markdown: questions as quotes, replies as the model wrote them. */
export function toMarkdown({ system, turns }: Conversation, model: string): string {
  const quote = (text: string) => text.replace(/^/gm, '> ').replace(/ +$/gm, '')
  const parts = turns.flatMap(({ user, assistant }) => [quote(user), assistant ?? '*(no answer)*'])
  const head = [
    `# Chat with ${model}`,
    ...(system === undefined ? [] : [`System prompt:\n\n${quote(system)}`]),
  ]
  return `${[...head, '---', ...parts].join('\n\n')}\n`
}

/**
 * Writes one branch of a chat for reading elsewhere: Markdown to names ending in .md, JSON to those in .json. An
 * existing file is never replaced.
 * @throws OpenElmError E_USAGE for other names, E_FILE_WRITE
 */
export async function exportChat(path: string, conversation: Conversation, model: string): Promise<void> {
  const kind = extname(path).toLowerCase()
  if (kind !== '.md' && kind !== '.json') {
    throw new OpenElmError('E_USAGE', `Cannot tell from its name what ${path} should become.`, {
      why: 'Chats are exported as Markdown or as JSON.',
      next: 'End the name in .md or .json.',
    })
  }
  const exists = await stat(path).then(
    () => true,
    () => false,
  )
  if (exists) {
    throw new OpenElmError('E_FILE_WRITE', `${path} is there already and is not replaced.`, {
      next: 'Choose another name.',
    })
  }
  await writeAtomic(
    path,
    kind === '.md' ? toMarkdown(conversation, model) : exportedJson(conversation, model),
  )
}
