import { randomBytes } from 'node:crypto'
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OpenElmError } from '../errors.js'

/**
 * Writes a small text file so that a reader, or a crash, sees the old content or the new, never a part: into a
 * temporary file of the same folder, synced, then renamed. Makes the folder where it is missing and writes through
 * symbolic links. The file is readable by its owner only: what people write in a chat is theirs.
 * @throws OpenElmError E_FILE_WRITE
 */
export async function writeAtomic(path: string, text: string): Promise<void> {
  let temporary: string | undefined
  try {
    await mkdir(dirname(path), { recursive: true })
    const target = await realpath(path).catch(() => path)
    temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    if (temporary) await rm(temporary, { force: true }).catch(() => {})
    throw new OpenElmError('E_FILE_WRITE', `Could not write ${path}.`, {
      why: error instanceof Error ? error.message : String(error),
      next: 'Check that the folder can be written to and has space left.',
      cause: error,
    })
  }
}
