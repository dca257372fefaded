import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as z from 'zod'
import { writeAtomic } from '../engine/write-atomic.js'

const entry = z.object({ text: z.string().min(1) })

/** Entries offered; the file is cut back to them once it holds twice as many. */
const KEPT = 1000

function parse(lines: readonly string[]): string[] {
  const texts: string[] = []
  for (const line of lines) {
    let json: unknown
    try {
      json = JSON.parse(line)
    } catch {
      // A line torn by a crash or a full disk costs that line only.
      continue
    }
    const parsed = entry.safeParse(json)
    if (parsed.success && parsed.data.text !== texts.at(-1)) texts.push(parsed.data.text)
  }
  return texts
}

const toLine = (text: string) => `${JSON.stringify({ text })}\n`

/** What was typed in this and earlier chats, oldest first, kept in a file of one JSON object a line. */
export class InputHistory {
  readonly #path: string
  readonly #entries: string[]
  /** Ends a line that a crash has cut, so that the next entry does not go with it. */
  #separator: '' | '\n'
  #writing: Promise<void> = Promise.resolve()

  private constructor(path: string, entries: string[], torn: boolean) {
    this.#path = path
    this.#entries = entries
    this.#separator = torn ? '\n' : ''
  }

  /** Opens a history; a file that is missing or cannot be read gives an empty one. */
  static async open(path: string): Promise<InputHistory> {
    const text = await readFile(path, 'utf8').catch(() => '')
    const lines = text.split('\n').filter((line) => line !== '')
    const entries = parse(lines).slice(-KEPT)
    let torn = text !== '' && !text.endsWith('\n')
    if (lines.length > 2 * KEPT) {
      await writeAtomic(path, entries.map(toLine).join('')).then(
        () => {
          torn = false
        },
        // The long file serves as well; adding to it will tell what is wrong.
        () => {},
      )
    }
    return new InputHistory(path, entries, torn)
  }

  get entries(): readonly string[] {
    return this.#entries
  }

  /**
   * Adds an entry, unless it repeats the last. Each is appended by one write, so that several chats can share a file.
   * @throws the system's error when the file cannot be written; the entry is kept for this chat
   */
  async add(text: string): Promise<void> {
    if (text === this.#entries.at(-1)) return
    this.#entries.push(text)
    const write = this.#writing.then(async () => {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
      await appendFile(this.#path, this.#separator + toLine(text), { mode: 0o600 })
      this.#separator = ''
    })
    this.#writing = write.catch(() => {})
    await write
  }

  /** Resolves when everything added has been written, or could not be. */
  async settled(): Promise<void> {
    await this.#writing
  }
}
