import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { loadChat, saveChat } from '../../engine/chat/chat-file.js'
import { exportChat } from '../../engine/chat/export.js'
import { firstQuestion, listChats } from '../../engine/chat/saved-chats.js'
import { OpenElmError } from '../../errors.js'
import { printable } from '../text/printable.js'
import { truncate } from '../text/rows.js'
import { columns } from '../text/tables.js'
import type { ChatCommand, CommandContext } from './command.js'
import { replay } from './turns.js'

/** Chats that /chats lists, the last ones. */
const LISTED = 10

const HEAD_COLUMNS = 50

/** A path as it was typed, with the user's folder for a leading ~. */
export function toPath(file: string): string {
  return file === '~' || file.startsWith('~/') ? join(homedir(), file.slice(1)) : resolve(file)
}

function needFile(file: string, command: string, example: string): string {
  if (file !== '') return toPath(file)
  throw new OpenElmError('E_USAGE', `/${command} needs the name of a file.`, {
    next: `Type for example /${command} ${example}.`,
  })
}

/** The file that is meant: a path, or a number in the list of /chats. */
async function toLoad(file: string, chatsDir: string): Promise<string> {
  if (!/^\d{1,4}$/.test(file)) return needFile(file, 'load', 'chat.jsonl')
  const chat = (await listChats(chatsDir))[Number(file) - 1]
  if (chat) return chat.path
  throw new OpenElmError('E_USAGE', `There is no chat ${file}.`, { next: 'Type /chats to see them.' })
}

async function printChats({ chatsDir, print }: CommandContext): Promise<void> {
  const chats = (await listChats(chatsDir)).slice(0, LISTED)
  if (chats.length === 0) return print('notice', `There are no chats in ${chatsDir}.`)
  const rows = await Promise.all(
    chats.map(async ({ path, changed }, i) => [
      String(i + 1),
      changed.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' }),
      truncate(printable((await firstQuestion(path).catch(() => undefined)) ?? ''), HEAD_COLUMNS),
    ]),
  )
  print('notice', `${columns(rows)}\n/load N goes on with one of them. They are in ${chatsDir}.`)
}

/** Commands that read and write files. */
export const FILE_COMMANDS: readonly ChatCommand[] = [
  {
    name: 'save',
    argument: 'FILE',
    about: 'save a copy; every chat is saved by itself too',
    run: async ({ chat, modelName, recorder, print }, file) => {
      if (file === '' && recorder.path !== undefined) {
        return print('notice', `This chat is saved in ${recorder.path}.`)
      }
      const path = needFile(file, 'save', 'chat.jsonl')
      await saveChat(path, chat.tree, modelName)
      print('notice', `Saved to ${path}.`)
    },
  },
  {
    name: 'load',
    argument: 'FILE | N',
    about: 'go on with a saved chat, or number N of /chats',
    run: async (context, file) => {
      const { chat, recorder, chatsDir } = context
      const tree = await loadChat(await toLoad(file, chatsDir))
      chat.restore(tree)
      recorder.begin(tree)
      replay(context)
    },
  },
  { name: 'chats', about: 'list the chats that were saved last', run: printChats },
  {
    name: 'export',
    argument: 'FILE',
    about: 'write this branch as Markdown (.md) or JSON',
    run: async ({ chat, modelName, print }, file) => {
      const path = needFile(file, 'export', 'chat.md')
      await exportChat(path, chat.conversation, modelName)
      print('notice', `Exported to ${path}.`)
    },
  },
]
