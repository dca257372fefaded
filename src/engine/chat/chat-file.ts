import { readFile, stat } from 'node:fs/promises'
import * as z from 'zod'
import { OpenElmError } from '../../errors.js'
import { writeAtomic } from '../write-atomic.js'
import { type ChatEvent, ChatTree } from './chat-tree.js'
import { type Conversation, fromMessages, toMessages } from './conversation.js'

/**
 * The two forms of a chat on disk. Version 1 is one JSON object with the messages of one branch: what /export writes.
 * Version 2 is a journal, one JSON object a line: a header, then the events of the chat, so that adding to it needs no
 * rewriting and a line torn by a crash costs that line only.
 */
const FORMAT = 'openelm-chat'

const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })

const exported = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  savedAt: z.iso.datetime(),
  model: z.string(),
  messages: z.array(message),
})

const header = z.object({ format: z.literal(FORMAT), version: z.int() })

const event = z.discriminatedUnion('type', [
  z.object({ type: z.literal('system'), text: z.string().nullable() }),
  z.object({ type: z.literal('ask'), id: z.string(), parent: z.string().nullable(), user: z.string() }),
  z.object({ type: z.literal('answer'), id: z.string(), assistant: z.string() }),
  z.object({ type: z.literal('go'), id: z.string().nullable() }),
])

/** Far more than anyone types; keeps a wrong path from filling the memory. */
const MAX_BYTES = 64 * 2 ** 20

const notAChat = (path: string, why: string) =>
  new OpenElmError('E_FORMAT', `${path} is not a saved chat.`, {
    why,
    next: 'Name a file that /save or /export wrote.',
  })

/** The first line of a journal. */
export const journalHeader = (model: string): string =>
  `${JSON.stringify({ format: FORMAT, version: 2, savedAt: new Date().toISOString(), model })}\n`

/** An event as a line of a journal. */
export const journalLine = (happened: ChatEvent): string => `${JSON.stringify(happened)}\n`

/** One branch as version 1. */
export function exportedJson(conversation: Conversation, model: string): string {
  const saved: z.infer<typeof exported> = {
    format: FORMAT,
    version: 1,
    savedAt: new Date().toISOString(),
    model,
    messages: toMessages(conversation),
  }
  return `${JSON.stringify(saved, undefined, 2)}\n`
}

/**
 * Reads a chat of either version.
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_UNSUPPORTED for a later version, or E_FORMAT for what is no chat
 */
export async function loadChat(path: string): Promise<ChatTree> {
  const text = await readText(path)
  const [first = '', ...lines] = text.split('\n')
  const { version } = readHeader(path, parse(first) ?? parse(text))
  if (version === 1) return readExported(path, parse(text))
  if (version === 2) return replay(lines)
  throw new OpenElmError('E_UNSUPPORTED', `${path} is a saved chat of version ${version}.`, {
    why: 'This version of openelm reads versions 1 and 2.',
    next: 'Update openelm.',
  })
}

/**
 * Writes a chat with all its branches as a journal, replacing an earlier one of the same name but no other file.
 * @throws OpenElmError E_FILE_WRITE
 */
export async function saveChat(path: string, tree: ChatTree, model: string): Promise<void> {
  await refuseForeignFile(path)
  await writeAtomic(path, journalHeader(model) + [...tree.events()].map(journalLine).join(''))
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) throw notAChat(path, `It has ${size} bytes.`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof OpenElmError) throw error
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new OpenElmError(missing ? 'E_FILE_NOT_FOUND' : 'E_FILE_READ', `Could not read ${path}.`, {
      why: missing ? 'There is no such file.' : (error as Error).message,
      next: 'Check the path.',
      cause: error,
    })
  }
}

/** JSON, or undefined for anything else. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readHeader(path: string, json: unknown): z.infer<typeof header> {
  const parsed = header.safeParse(json)
  if (parsed.success) return parsed.data
  throw notAChat(path, json === undefined ? 'It is not JSON.' : 'It does not name the format.')
}

function readExported(path: string, json: unknown): ChatTree {
  const parsed = exported.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw notAChat(path, `${issue?.path.join('.') || 'The file'}: ${issue?.message}.`)
  }
  try {
    return ChatTree.of(fromMessages(parsed.data.messages))
  } catch (error) {
    throw notAChat(path, (error as Error).message)
  }
}

/** The tree of a journal's lines. A damaged line is passed over, and so are those that build on it. */
function replay(lines: readonly string[]): ChatTree {
  const tree = new ChatTree()
  for (const line of lines) {
    const parsed = event.safeParse(parse(line))
    if (parsed.success) tree.apply(parsed.data)
  }
  return tree
}

async function refuseForeignFile(path: string): Promise<void> {
  try {
    await loadChat(path)
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
