import type { ServerResponse } from 'node:http'
import { ApiError } from './api-error.js'

/** Why a request ended before its answer did. */
type Cause = 'client' | 'time' | 'stop'

/** Milliseconds that a client has to read what ended its answer before the connection is cut. */
const LAST_WORDS = 1000

const stoppingError = () => new ApiError(503, 'The server is stopping.', { code: 'server_stopping' })

/** One request being answered. Its signal fires when the client leaves, its time is up, or the server stops. */
export class ActiveRequest {
  readonly #outgoing: ServerResponse
  readonly #timeLimit: number
  readonly #onClose: () => void
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout
  #cause: Cause | undefined

  constructor(outgoing: ServerResponse, timeLimit: number, onClose: () => void) {
    this.#outgoing = outgoing
    this.#timeLimit = timeLimit
    this.#onClose = onClose
    this.#timer = setTimeout(() => this.end('time'), timeLimit * 1000)
    outgoing.once('close', this.#left)
    if (outgoing.destroyed) this.#left()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** What the client is told, once something has ended the request. */
  get error(): ApiError | undefined {
    switch (this.#cause) {
      case 'time':
        return new ApiError(504, `The answer took longer than the ${this.#timeLimit} s a request may take.`, {
          code: 'time_limit',
        })
      case 'stop':
        return stoppingError()
      case 'client':
        return new ApiError(499, 'The client closed the connection.', { code: 'client_closed' })
      default:
        return undefined
    }
  }

  end(cause: Cause): void {
    if (this.#cause) return
    this.#cause = cause
    clearTimeout(this.#timer)
    // A client that does not read would hold its connection for ever.
    if (cause !== 'client') this.#timer = setTimeout(() => this.#outgoing.destroy(), LAST_WORDS)
    this.#controller.abort()
  }

  /** Resolves when the client has got everything, or is gone. */
  async sent(): Promise<void> {
    const outgoing = this.#outgoing
    if (outgoing.writableFinished || outgoing.destroyed) return
    await new Promise<void>((resolve) => {
      outgoing.once('finish', resolve)
      outgoing.once('close', resolve)
    })
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#outgoing.off('close', this.#left)
    this.#onClose()
  }

  readonly #left = () => {
    if (!this.#outgoing.writableFinished) this.end('client')
  }
}

/** The requests being answered. */
export class ActiveRequests {
  readonly #active = new Set<ActiveRequest>()
  readonly #timeLimit: number
  #whenIdle: (() => void) | undefined
  #stopping = false

  /** @param timeLimit seconds that each may take */
  constructor(timeLimit: number) {
    this.#timeLimit = timeLimit
  }

  get size(): number {
    return this.#active.size
  }

  get stopping(): boolean {
    return this.#stopping
  }

  /** Notes a request; its `close` must be called. @throws ApiError 503 once the server is stopping */
  open(outgoing: ServerResponse): ActiveRequest {
    if (this.#stopping) throw stoppingError()
    const request = new ActiveRequest(outgoing, this.#timeLimit, () => {
      this.#active.delete(request)
      if (this.#active.size === 0) this.#whenIdle?.()
    })
    this.#active.add(request)
    return request
  }

  /** Takes no more, waits for those there are, and after `grace` seconds ends what is left. */
  async stop(grace: number): Promise<void> {
    this.#stopping = true
    if (this.#active.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve
    })
    const timer = setTimeout(() => {
      for (const request of this.#active) request.end('stop')
    }, grace * 1000)
    await idle
    clearTimeout(timer)
  }
}
