/**
 * Hands text pieces from a producer that never waits to one consumer that may. Pieces are small and bounded by the
 * context length, so they are kept until they are read.
 */
export class PieceQueue implements AsyncIterator<string, undefined> {
  readonly #pieces: string[] = []
  readonly #onReturn: () => void
  #waiting: PromiseWithResolvers<IteratorResult<string, undefined>>[] = []
  #ended = false
  #failure: { readonly error: unknown } | undefined

  /** @param onReturn called when the consumer leaves before the end */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn
  }

  push(piece: string): void {
    if (this.#ended) return
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve({ value: piece, done: false })
    else this.#pieces.push(piece)
  }

  end(): void {
    this.#finish(undefined)
  }

  /** The consumer sees the error once, after the pieces that came before it. */
  fail(error: unknown): void {
    this.#finish({ error })
  }

  next(): Promise<IteratorResult<string, undefined>> {
    const piece = this.#pieces.shift()
    if (piece !== undefined) return Promise.resolve({ value: piece, done: false })
    if (!this.#ended) {
      const waiting = withResolvers<IteratorResult<string, undefined>>()
      this.#waiting.push(waiting)
      return waiting.promise
    }
    const failure = this.#failure
    this.#failure = undefined
    return failure ? Promise.reject(failure.error) : Promise.resolve({ value: undefined, done: true })
  }

  return(): Promise<IteratorResult<string, undefined>> {
    if (!this.#ended) {
      this.end()
      this.#onReturn()
    }
    this.#pieces.length = 0
    return Promise.resolve({ value: undefined, done: true })
  }

  #finish(failure: { readonly error: unknown } | undefined): void {
    if (this.#ended) return
    this.#ended = true
    const [first, ...others] = this.#waiting
    this.#waiting = []
    if (first && failure) first.reject(failure.error)
    else {
      this.#failure = failure
      first?.resolve({ value: undefined, done: true })
    }
    for (const waiting of others) waiting.resolve({ value: undefined, done: true })
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** Promise.withResolvers, which Node.js has from 22 on. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((ok, fail) => {
    resolve = ok
    reject = fail
  })
  return { promise, resolve, reject }
}
