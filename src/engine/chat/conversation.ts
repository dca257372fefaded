import { readFile, stat } from 'node:fs/promises'
import * as z from 'zod'
import { OpenElmError } from '../../errors.js'
import type { ChatMessage } from '../types.js'
import { writeAtomic } from '../write-atomic.js'

/** One question and its answer; `assistant` is undefined as long as there is none. */
export interface Turn {
  readonly user: string
  readonly assistant: string | undefined
}

export interface Conversation {
  readonly system: string | undefined
  readonly turns: readonly Turn[]
}

/** The conversation as a chat template wants it. */
export function toMessages({ system, turns }: Conversation): ChatMessage[] {
  const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }]
  for (const { user, assistant } of turns) {
    messages.push({ role: 'user', content: user })
    if (assistant !== undefined) messages.push({ role: 'assistant', content: assistant })
  }
  return messages
}

const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })

/** The file of a saved chat, version 1: a system message or none, then questions and answers in turn. */
const savedChat = z.object({
  format: z.literal('openelm-chat'),
  version: z.literal(1),
  savedAt: z.iso.datetime(),
  model: z.string(),
  messages: z.array(message),
})

/** Far more than anyone types; keeps a wrong path from filling the memory. */
const MAX_BYTES = 64 * 2 ** 20

const notAChat = (path: string, why: string) =>
  new OpenElmError('E_FORMAT', `${path} is not a saved chat.`, {
    why,
    next: 'Name a file that /save wrote.',
  })

function fromMessages(messages: readonly ChatMessage[], path: string): Conversation {
  const [first, ...rest] = messages
  const system = first?.role === 'system' ? first.content : undefined
  const turns: Turn[] = []
  for (const { role, content } of system === undefined ? messages : rest) {
    const last = turns.at(-1)
    if (role === 'user' && last?.assistant !== undefined) turns.push({ user: content, assistant: undefined })
    else if (role === 'user' && !last) turns.push({ user: content, assistant: undefined })
    else if (role === 'assistant' && last && last.assistant === undefined) {
      turns[turns.length - 1] = { user: last.user, assistant: content }
    } else {
      throw notAChat(path, `Its message "${content.slice(0, 20)}" of the ${role} is out of turn.`)
    }
  }
  return { system, turns }
}

/**
 * Reads a saved chat.
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, or E_FORMAT for anything but a complete saved chat.
 */
export async function loadConversation(path: string): Promise<Conversation> {
  let text: string
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) throw notAChat(path, `It has ${size} bytes.`)
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof OpenElmError) throw error
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new OpenElmError(missing ? 'E_FILE_NOT_FOUND' : 'E_FILE_READ', `Could not read ${path}.`, {
      why: missing ? 'There is no such file.' : (error as Error).message,
      next: 'Check the path.',
      cause: error,
    })
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw notAChat(path, (error as Error).message)
  }
  const version = z.object({ format: z.literal('openelm-chat'), version: z.int() }).safeParse(json)
  if (version.success && version.data.version > 1) {
    throw new OpenElmError('E_UNSUPPORTED', `${path} is a saved chat of version ${version.data.version}.`, {
      why: 'This version of openelm reads version 1.',
      next: 'Update openelm.',
    })
  }
  const parsed = savedChat.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw notAChat(path, `${issue?.path.join('.') || 'The file'}: ${issue?.message}.`)
  }
  return fromMessages(parsed.data.messages, path)
}

/**
 * Writes a chat, replacing an earlier one of the same name but no other file.
 * @throws OpenElmError E_FILE_WRITE
 */
export async function saveConversation(
  path: string,
  conversation: Conversation,
  model: string,
): Promise<void> {
  await refuseForeignFile(path)
  const saved: z.infer<typeof savedChat> = {
    format: 'openelm-chat',
    version: 1,
    savedAt: new Date().toISOString(),
    model,
    messages: toMessages(conversation),
  }
  await writeAtomic(path, `${JSON.stringify(saved, undefined, 2)}\n`)
}

async function refuseForeignFile(path: string): Promise<void> {
  try {
    await loadConversation(path)
  } catch (error) {
    const code = error instanceof OpenElmError ? error.code : undefined
    if (code === 'E_FILE_NOT_FOUND') return
    throw new OpenElmError('E_FILE_WRITE', `${path} is there already and is not replaced.`, {
      why: 'It is not a saved chat of this version.',
      next: 'Choose another name.',
      cause: error,
    })
  }
}
