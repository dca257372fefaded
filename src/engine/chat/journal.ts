import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { journalHeader, journalLine } from './chat-file.js'
import type { ChatEvent } from './chat-tree.js'

/**
 * A chat on disk that grows with it. Every event is one write at the end of the file, synced before the next: whatever
 * ends the process, what had happened before is there. Several processes may add to one file.
 */
export class Journal {
  readonly path: string
  readonly #model: string
  #file: Promise<FileHandle> | undefined
  #writing: Promise<void> = Promise.resolve()

  /** The file is made, with its folder, when the first event comes. */
  constructor(path: string, model: string) {
    this.path = path
    this.#model = model
  }

  /**
   * Adds events, in one write. Resolves when they are on the disk.
   * @throws the system's error; later events are then tried again on their own
   */
  append(...events: readonly ChatEvent[]): Promise<void> {
    const write = this.#writing.then(async () => {
      this.#file ??= this.#open()
      const file = await this.#file.catch((error: unknown) => {
        this.#file = undefined
        throw error
      })
      await file.appendFile(events.map(journalLine).join(''))
      await file.datasync()
    })
    this.#writing = write.catch(() => {})
    return write
  }

  /** Waits for what was added and closes the file. A later event opens it again. */
  async close(): Promise<void> {
    await this.#writing
    const file = await this.#file?.catch(() => undefined)
    this.#file = undefined
    await file?.close()
  }

  async #open(): Promise<FileHandle> {
    const folder = dirname(this.path)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const before = await readFile(this.path, 'utf8').catch(() => '')
    const file = await open(this.path, 'a', 0o600)
    if (before === '') {
      await file.appendFile(journalHeader(this.#model))
      await syncFolder(folder)
    } else if (!before.endsWith('\n')) {
      // Ends a line that a crash has cut, so that the next event does not go with it.
      await file.appendFile('\n')
    }
    return file
  }
}

/** Makes the name of a new file last. Windows neither needs nor allows it. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
