import { unlinkSync } from 'node:fs'
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { OpenElmError } from '../errors.js'
import { BlockBuffer } from './block-buffer.js'

/** Takes bytes in order. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>
}

/**
 * A file that appears whole or not at all: written under a temporary name in the same folder, flushed to the disk and
 * then renamed. Discarded on every way out but a kill, which leaves only the temporary name.
 */
export class AtomicFile implements ByteSink {
  readonly path: string
  readonly temporaryPath: string
  readonly #handle: FileHandle
  readonly #blocks = new BlockBuffer((bytes, position) => this.#writeAt(bytes, position))
  #size = 0
  readonly #onExit = () => {
    try {
      unlinkSync(this.temporaryPath)
    } catch {
      // The process is ending; a leftover under a temporary name is the lesser evil.
    }
  }

  private constructor(path: string, temporaryPath: string, handle: FileHandle) {
    this.path = path
    this.temporaryPath = temporaryPath
    this.#handle = handle
    process.once('exit', this.#onExit)
  }

  /**
   * Starts the file that will be `path`.
   * @param overwrite whether a file of that name may be replaced
   * @throws OpenElmError E_FILE_WRITE
   */
  static async create(path: string, overwrite: boolean): Promise<AtomicFile> {
    await checkTarget(path, overwrite)
    const temporaryPath = join(
      dirname(path),
      `.${basename(path)}.${process.pid}-${Date.now().toString(36)}.tmp`,
    )
    try {
      return new AtomicFile(path, temporaryPath, await open(temporaryPath, 'wx'))
    } catch (cause) {
      throw writeError(path, cause)
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#blocks.add(bytes, this.#size)
    this.#size += bytes.length
  }

  async #writeAt(bytes: Uint8Array, position: number): Promise<void> {
    try {
      await writeAll(this.#handle, bytes, position)
    } catch (cause) {
      throw writeError(this.path, cause)
    }
  }

  /** Makes the file appear under its name. */
  async commit(): Promise<void> {
    await this.#blocks.flush()
    try {
      await this.#handle.sync()
      await this.#handle.close()
      await rename(this.temporaryPath, this.path)
      await syncFolder(dirname(this.path))
    } catch (cause) {
      throw writeError(this.path, cause)
    }
    process.off('exit', this.#onExit)
  }

  /** Removes what was written. Does nothing after commit. */
  async discard(): Promise<void> {
    process.off('exit', this.#onExit)
    await this.#handle.close().catch(() => {})
    await unlink(this.temporaryPath).catch(() => {})
  }
}

/** Writes all of `bytes` at a position. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
}

async function checkTarget(path: string, overwrite: boolean): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return
  if (!found.isFile()) {
    throw new OpenElmError('E_FILE_WRITE', `${path} could not be written.`, {
      why: found.isDirectory() ? 'It is a folder.' : 'It is not a regular file.',
      next: 'Name the file to write, such as model.gguf.',
    })
  }
  if (!overwrite) {
    throw new OpenElmError('E_FILE_WRITE', `${path} exists already.`, {
      why: 'Files are not overwritten unless you ask for it.',
      next: 'Choose another name, or add --force.',
    })
  }
}

/** Makes the rename itself durable, where the platform can do that to a folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

/** What the common failures of writing mean to a user. */
const reasons: Readonly<Record<string, readonly [why: string, next: string]>> = {
  ENOSPC: ['The disk is full.', 'Free some space, or write to another disk.'],
  EDQUOT: ['Your disk quota is used up.', 'Free some space, or write to another disk.'],
  EFBIG: ['The file would be larger than the file system or a limit allows.', 'Write to another disk.'],
  EROFS: ['The file system is read-only.', 'Write to another folder.'],
  EACCES: ['You may not write to that folder.', 'Write to another folder, or change its permissions.'],
  EPERM: ['You may not write to that folder.', 'Write to another folder, or change its permissions.'],
  ENOENT: ['Its folder does not exist.', 'Create the folder first.'],
  ENOTDIR: ['A part of its path is a file, not a folder.', 'Check the path.'],
}

/** E_FILE_WRITE for a failed system call. */
export function writeError(path: string, cause: unknown): OpenElmError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const [why, next] = reasons[code] ?? [
    cause instanceof Error ? `${cause.message}.` : String(cause),
    'Check the folder and the disk.',
  ]
  return new OpenElmError('E_FILE_WRITE', `${path} could not be written.`, { why, next, cause })
}
