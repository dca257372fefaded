import type { Writable } from 'node:stream'

/**
 * Writes to a stream whose reader may leave (`| head -1`), and waits for slow readers. A closed pipe is an end, not
 * an error: `closed` fires and what is written afterwards goes nowhere.
 */
export class Output {
  readonly #stream: Writable
  readonly #closed = new AbortController()
  #failure: Error | undefined

  constructor(stream: Writable) {
    this.#stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') this.#failure = error
      this.#closed.abort()
    })
  }

  /** Fires when nobody reads any more. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Resolves when the stream has taken the text, or is closed. @throws the stream's error, unless it is EPIPE */
  async write(text: string): Promise<void> {
    if (!this.closed.aborted && text !== '') {
      await new Promise<void>((resolve) => this.#stream.write(text, () => resolve()))
    }
    if (this.#failure) throw this.#failure
  }
}
