import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenElmError } from '../../errors.js'

/** A chat in the folder of saved ones. */
export interface SavedChat {
  readonly path: string
  readonly changed: Date
}

/** The chats of a folder, the one changed last first. A missing folder has none. */
export async function listChats(folder: string): Promise<SavedChat[]> {
  const names = await readdir(folder).catch(() => [])
  const found = await Promise.all(
    names
      .filter((name) => /\.jsonl$/.test(name))
      .map(async (name) => {
        const path = join(folder, name)
        // One that goes while the folder is read is not there.
        const status = await stat(path).catch(() => undefined)
        return status?.isFile() ? [{ path, changed: status.mtime }] : []
      }),
  )
  return found.flat().sort((a, b) => b.changed.getTime() - a.changed.getTime() || (a.path < b.path ? 1 : -1))
}

/**
 * The chat changed last.
 * @throws OpenElmError E_FILE_NOT_FOUND when there is none
 */
export async function latestChat(folder: string): Promise<string> {
  const [latest] = await listChats(folder)
  if (latest) return latest.path
  throw new OpenElmError('E_FILE_NOT_FOUND', 'There is no chat to go on with.', {
    why: `${folder} holds none.`,
    next: 'Start one with "openelm chat".',
  })
}

/** Bytes at the beginning of a journal in which its first question is looked for. */
const HEAD = 4096

/** How the first question of a saved chat begins, up to its first quote or line end; undefined where it has none. */
export async function firstQuestion(path: string): Promise<string | undefined> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0)
    const head = buffer.toString('utf8', 0, bytesRead)
    return /^\{"type":"ask",.*?"user":"([^"\\]*)/m.exec(head)?.[1]
  } finally {
    await file.close()
  }
}
