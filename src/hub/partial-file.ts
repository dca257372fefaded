import { createHash, randomBytes } from 'node:crypto'
import { copyFile, type FileHandle, open, readdir, rename, stat, unlink, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { writeAll, writeError } from '../convert/atomic-file.js'
import { BlockBuffer } from '../convert/block-buffer.js'
import { type Connection, pause } from './http.js'

/*
 * A file that is being downloaded has a name that says who does: KEY.HOST-PID-RANDOM.incomplete. So the partial file is
 * its own lock. One whose process has ended is taken over by renaming it, which only one process can do. One whose
 * process does not touch it any more (suspended, or on another machine that shares the folder) is copied: should its
 * writer wake up, it writes into a file that no longer has a name. Files are renamed to their final name only after
 * their content was verified, so that not even two writers can publish something wrong.
 */

const suffix = '.incomplete'
/** The owner touches its file every few seconds; after this long without, nobody is working on it. */
const staleMs = 30_000
const touchMs = 5_000
const pollMs = 250
/** What was received is written after this long at most, though it is less than a block. */
const flushMs = 250

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
/** Process 0 stands for none: the file was left on purpose. */
const ownName = (key: string, pid = process.pid) =>
  `${key}.${host}-${pid}-${randomBytes(6).toString('hex')}${suffix}`

interface Found {
  readonly path: string
  readonly size: number
  /** Somebody works on it; it has ended; or nothing is known but that it was not touched for long. */
  readonly owner: 'alive' | 'gone' | 'silent'
}

/** What this process has of a file that is being downloaded. */
export class PartialFile {
  readonly #folder: string
  readonly #key: string
  #path: string
  readonly #handle: FileHandle
  readonly #heartbeat: NodeJS.Timeout
  readonly #blocks = new BlockBuffer((bytes, position) => this.#writeAt(bytes, position))
  #writing: Promise<void> = Promise.resolve()
  #flushTimer: NodeJS.Timeout | undefined

  private constructor(folder: string, key: string, path: string, handle: FileHandle) {
    this.#folder = folder
    this.#key = key
    this.#path = path
    this.#handle = handle
    this.#heartbeat = setInterval(() => {
      const now = new Date()
      utimes(path, now, now).catch(() => {})
    }, touchMs)
    this.#heartbeat.unref()
  }

  /**
   * Goes on with what an earlier process left of `key`, or starts it. Waits while another process downloads it.
   * @returns undefined when `isThere` says meanwhile that the complete file has appeared
   * @throws OpenElmError E_FILE_WRITE, E_ABORTED
   */
  static async claim(
    folder: string,
    key: string,
    isThere: () => Promise<boolean>,
    connection: Connection,
  ): Promise<PartialFile | undefined> {
    let told = false
    for (;;) {
      if (await isThere()) return undefined
      const found = await findPartials(folder, key)
      if (!found.some(({ owner }) => owner === 'alive')) {
        const path = join(folder, ownName(key))
        if (await takeOver(found, path)) {
          const partial = await PartialFile.#open(folder, key, path)
          if (!(await partial.#yields(found))) return partial
        }
        continue
      }
      if (!told) connection.onNotice?.('Another process is downloading this model; waiting for it.')
      told = true
      await pause(pollMs, connection.signal)
    }
  }

  static async #open(folder: string, key: string, path: string): Promise<PartialFile> {
    try {
      return new PartialFile(folder, key, path, await open(path, 'r+'))
    } catch (cause) {
      throw writeError(path, cause)
    }
  }

  /** Of two processes that started the same file at the same moment, the second by name leaves it to the other. */
  async #yields(before: readonly Found[]): Promise<boolean> {
    if (before.length > 0) return false
    const others = (await findPartials(this.#folder, this.#key)).filter(
      ({ path, owner }) => path !== this.#path && owner === 'alive',
    )
    if (!others.some(({ path }) => path < this.#path)) return false
    clearInterval(this.#heartbeat)
    await this.#handle.close()
    await unlink(this.#path)
    return true
  }

  async size(): Promise<number> {
    await this.#flush()
    return (await this.#handle.stat()).size
  }

  /** Takes all of `bytes` for a position. @throws OpenElmError E_FILE_WRITE, for earlier bytes too */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.#flushTimer ??= setTimeout(() => this.#flush().catch(() => {}), flushMs)
    await this.#inOrder(() => this.#blocks.add(bytes, position))
  }

  #flush(): Promise<void> {
    clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
    return this.#inOrder(() => this.#blocks.flush())
  }

  /** One write after the other; once one has failed, all do. */
  #inOrder(write: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(write)
    return this.#writing
  }

  async #writeAt(bytes: Uint8Array, position: number): Promise<void> {
    try {
      await writeAll(this.#handle, bytes, position)
    } catch (cause) {
      throw writeError(this.#path, cause)
    }
  }

  /** The content from its beginning. */
  async *read(): AsyncGenerator<Uint8Array> {
    await this.#flush()
    const buffer = Buffer.allocUnsafe(2 ** 20)
    for (let position = 0; ; ) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      position += bytesRead
    }
  }

  /** Throws away what there is, to start again. */
  async restart(): Promise<void> {
    await this.#inOrder(async () => this.#blocks.clear())
    await this.#handle.truncate(0)
  }

  /** Gives the complete file its name. Nothing happens if it has it already, from another process. */
  async publish(target: string): Promise<void> {
    await this.#flush()
    try {
      await this.#handle.sync()
      await this.#close()
      await rename(this.#path, target)
    } catch (cause) {
      const taken = (cause as NodeJS.ErrnoException).code === 'ENOENT'
      if (!taken || !(await stat(target).catch(() => undefined))) throw writeError(target, cause)
    }
  }

  /** Leaves the file for the next process, or this one, to go on with; an empty one is removed. */
  async release(): Promise<void> {
    await this.#flush().catch(() => {})
    const empty = await this.#handle.stat().then(
      ({ size }) => size === 0,
      () => false,
    )
    await this.#close()
    if (empty) await unlink(this.#path).catch(() => {})
    else await rename(this.#path, join(this.#folder, ownName(this.#key, 0))).catch(() => {})
  }

  async #close(): Promise<void> {
    clearInterval(this.#heartbeat)
    await this.#handle.close()
  }
}

/** Bytes of a file that earlier, ended downloads left behind and that the next one will not fetch again. */
export async function leftoverBytes(folder: string, key: string): Promise<number> {
  return Math.max(0, ...(await findPartials(folder, key)).map(({ size }) => size))
}

async function findPartials(folder: string, key: string): Promise<Found[]> {
  const names = await readdir(folder).catch(() => [] as string[])
  const found: Found[] = []
  for (const name of names) {
    const owner = name.startsWith(`${key}.`)
      ? /\.([0-9a-f]{8})-(\d+)-[0-9a-f]+\.incomplete$/.exec(name)
      : null
    if (!owner) continue
    const path = join(folder, name)
    const stats = await stat(path).catch(() => undefined)
    // Taken over, published or removed since the folder was read.
    if (!stats) continue
    const [, itsHost, pid] = owner
    const gone = pid === '0' || (itsHost === host && !isRunning(Number(pid)))
    const silent = Date.now() - stats.mtimeMs > staleMs
    found.push({ path, size: stats.size, owner: gone ? 'gone' : silent ? 'silent' : 'alive' })
  }
  return found.sort((a, b) => b.size - a.size)
}

/** Whether this machine has a process of that id. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Makes the largest of the files that nobody works on ours, and removes the others; an empty one where there is none.
 * @returns false when another process was faster
 */
async function takeOver(found: readonly Found[], path: string): Promise<boolean> {
  const [largest, ...others] = found
  try {
    if (!largest) await (await open(path, 'wx')).close()
    else if (largest.owner === 'gone') await rename(largest.path, path)
    else await copyFile(largest.path, path).then(() => unlink(largest.path))
  } catch (cause) {
    await unlink(path).catch(() => {})
    if (largest && (cause as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw writeError(path, cause)
  }
  for (const other of others) await unlink(other.path).catch(() => {})
  return true
}
