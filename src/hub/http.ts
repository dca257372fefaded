import { setTimeout as sleep } from 'node:timers/promises'
import { OpenElmError } from '../errors.js'
import {
  answerError,
  connectionFailure,
  damagedError,
  interrupted,
  networkError,
  Transient,
} from './hub-error.js'
import type { HubSettings } from './settings.js'

/** What every request of a pull shares. */
export interface Connection {
  readonly settings: HubSettings
  readonly signal?: AbortSignal
  /** Called with a sentence when something keeps the user waiting. */
  readonly onNotice?: (text: string) => void
  /** How long to wait after a first failure; default 250. */
  readonly firstWaitMs?: number
}

/** Failures in a row, without a byte between them, after which it is given up. */
const maxFailures = 5
/** A server that asks for more patience than this gets an error instead. */
const maxWaitMs = 300_000
/** Descriptions of repositories are far smaller; weights do not come this way. */
const maxApiBytes = 64 * 2 ** 20

/** Uses the answer to one request; `alive` has to be called as bytes come, or the request times out. */
type UseAnswer<T> = (response: Response, alive: () => void) => Promise<T>

/**
 * Sends one GET request and hands the answer to `use`. The access token goes to the hub alone, not to where it redirects.
 * @throws Transient for what may pass; OpenElmError E_ACCESS, E_NOT_FOUND, E_NETWORK, E_ABORTED
 */
export async function exchange<T>(
  url: string,
  headers: Readonly<Record<string, string>>,
  subject: string,
  { settings, signal }: Connection,
  use: UseAnswer<T>,
): Promise<T> {
  const idle = new AbortController()
  const timer = setTimeout(() => idle.abort(), settings.timeoutMs)
  const { origin } = new URL(url)
  const own = origin === new URL(settings.endpoint).origin && settings.token !== undefined
  try {
    const response = await fetch(url, {
      headers: { ...headers, ...(own ? { authorization: `Bearer ${settings.token}` } : {}) },
      signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
    })
    timer.refresh()
    if (!response.ok) throw answerError(response, subject, settings)
    return await use(response, () => timer.refresh())
  } catch (cause) {
    if (cause instanceof OpenElmError || cause instanceof Transient) throw cause
    if (signal?.aborted) throw interrupted(cause)
    if (idle.signal.aborted) {
      const why = `Nothing came from ${origin} for ${settings.timeoutMs / 1000} s.`
      throw new Transient(networkError(subject, why, cause))
    }
    // fetch reports every failure of a connection as TypeError.
    if (!(cause instanceof TypeError)) throw cause
    throw new Transient(networkError(subject, connectionFailure(cause, origin), cause))
  } finally {
    clearTimeout(timer)
    // Ends the transfer of an answer that `use` did not read to its end.
    idle.abort()
  }
}

/**
 * Repeats an attempt while its failures are transient, waiting longer each time or as long as the server asks.
 * @param progress grows with each byte that came; a failure after some is the first of a new row
 * @throws OpenElmError what the last attempt reports, E_ABORTED
 */
export async function withRetries<T>(
  connection: Connection,
  attempt: () => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  let failures = 0
  for (;;) {
    const before = progress()
    try {
      return await attempt()
    } catch (failure) {
      if (!(failure instanceof Transient)) throw failure
      failures = progress() > before ? 1 : failures + 1
      const ms = failure.retryAfterMs ?? (connection.firstWaitMs ?? 250) * 2 ** (failures - 1)
      if (failures >= maxFailures || ms > maxWaitMs) throw failure.report
      const { why = '' } = failure.report
      if (ms >= 1000) connection.onNotice?.(`${why} Trying again in ${Math.ceil(ms / 1000)} s.`)
      await pause(ms, connection.signal)
    }
  }
}

/** @throws OpenElmError E_ABORTED when `signal` fires meanwhile */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal ? { signal } : {})
  } catch (cause) {
    throw interrupted(cause)
  }
}

/** A `fetch` for the hub's API: with our token, timeouts, retries and errors. Answers are read before it resolves. */
export function apiFetch(connection: Connection, subject: string): typeof fetch {
  return (input, init) => {
    const url = input instanceof Request ? input.url : String(input)
    const headers = Object.fromEntries(new Headers(init?.headers))
    return withRetries(connection, () =>
      exchange(url, headers, subject, connection, async (response, alive) => {
        const chunks: Uint8Array[] = []
        let size = 0
        for await (const chunk of response.body ?? []) {
          alive()
          size += chunk.length
          if (size > maxApiBytes) throw damagedError(subject, 'Its description is far too large.')
          chunks.push(chunk)
        }
        return new Response(Buffer.concat(chunks), { status: response.status, headers: response.headers })
      }),
    )
  }
}
