import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ChatEvent, ChatTree } from './chat-tree.js'
import { Journal } from './journal.js'

/**
 * Saves every chat as it happens, each in a file of its own in one folder. A chat gets its file with its first question:
 * one in which nothing is asked leaves none. A failure is told once for each file; the chat goes on without it.
 */
export class ChatRecorder {
  /** Is told what went wrong. */
  onFailure: (error: unknown) => void = () => {}
  readonly #folder: string
  readonly #model: string
  #journal: Journal | undefined
  /** The chat of before the next event, still to be written. */
  #begun: ChatEvent[] = []
  #failed = false
  /** When the chat before this one is on the disk. */
  #closed: Promise<void> = Promise.resolve()
  #work: Promise<unknown> = Promise.resolve()

  constructor(folder: string, model: string) {
    this.#folder = folder
    this.#model = model
  }

  /** The file of the chat, once it has one. */
  get path(): string | undefined {
    return this.#journal?.path
  }

  /** What follows belongs to another chat, which begins with this. */
  begin(tree: ChatTree): void {
    const before = this.#journal
    if (before) this.#closed = before.close()
    this.#journal = undefined
    this.#begun = [...tree.events()]
    this.#failed = false
  }

  /** What follows is added to the file a chat was loaded from. */
  resume(path: string): void {
    this.#journal = new Journal(path, this.#model)
  }

  /** Call with every event of the chat, in order. */
  record(event: ChatEvent): void {
    if (!this.#journal && event.type !== 'ask') {
      this.#begun.push(event)
      return
    }
    this.#journal ??= new Journal(join(this.#folder, fileName(new Date())), this.#model)
    const journal = this.#journal
    const events = [...this.#begun, event]
    // One chat after the other, so that the one begun last is the one changed last.
    this.#track(this.#closed.then(() => journal.append(...events)))
    this.#begun = []
  }

  /** Resolves when all that was recorded is on the disk, or could not be written. */
  async close(): Promise<void> {
    await this.#closed
    await this.#work
    await this.#journal?.close()
  }

  #track(work: Promise<void>): void {
    const told = work.catch((error: unknown) => {
      if (this.#failed) return
      this.#failed = true
      this.onFailure(error)
    })
    this.#work = Promise.all([this.#work, told])
  }
}

/** Local time and a random end, so that names sort by age and two chats never share one. */
function fileName(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-')
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('')
  const milliseconds = String(now.getMilliseconds()).padStart(3, '0')
  return `${date}-${time}-${milliseconds}${randomBytes(2).toString('hex')}.jsonl`
}
