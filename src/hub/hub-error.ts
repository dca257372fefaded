import { OpenElmError } from '../errors.js'
import type { HubSettings } from './settings.js'

/** A failure that may pass: what to report if it does not, and how long the server asks to wait. */
export class Transient extends Error {
  readonly report: OpenElmError
  readonly retryAfterMs: number | undefined

  constructor(report: OpenElmError, retryAfterMs?: number) {
    super(report.message)
    this.report = report
    this.retryAfterMs = retryAfterMs
  }
}

export const interrupted = (cause: unknown): OpenElmError =>
  new OpenElmError('E_ABORTED', 'The download was interrupted.', {
    why: 'What has come so far is kept.',
    next: 'Run it again to go on where it stopped.',
    cause,
  })

export function networkError(subject: string, why: string, cause?: unknown): OpenElmError {
  return new OpenElmError('E_NETWORK', `${subject} could not be downloaded.`, {
    why,
    next: 'Check the connection and run it again; what has come so far is kept.',
    cause,
  })
}

/** Something that came is not what the hub announced. */
export function damagedError(subject: string, why: string): OpenElmError {
  return new OpenElmError('E_CHECKSUM', `${subject} did not come as the hub announced it.`, {
    why,
    next: 'Run it again; if it stays like that, a proxy or mirror between changes the data.',
  })
}

/** What system and HTTP library say about a connection that failed, in a sentence. */
export function connectionFailure(cause: unknown, origin: string): string {
  let said = String(cause)
  for (let error = cause; error instanceof Error; error = error.cause) {
    said = `${error.message}.`
    const code = (error as NodeJS.ErrnoException).code
    if (code === undefined) continue
    switch (code) {
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return `The address of ${origin} could not be found; is this machine online?`
      case 'ECONNREFUSED':
        return `${origin} refused the connection.`
      case 'ECONNRESET':
      case 'EPIPE':
      case 'UND_ERR_SOCKET':
        return 'The connection broke.'
      case 'ETIMEDOUT':
      case 'UND_ERR_CONNECT_TIMEOUT':
        return `${origin} did not answer.`
      case 'ENETUNREACH':
      case 'EHOSTUNREACH':
        return `There is no route to ${origin}.`
      default:
        return `${error.message} (${code}).`
    }
  }
  return said
}

const seconds = (header: string | null): number | undefined => {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? 1000 * Number(header) : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

/**
 * The error for an answer that is no success; Transient where asking again may help.
 * @param subject what was asked for: a repository, or a file of one
 */
export function answerError(
  response: Response,
  subject: string,
  settings: HubSettings,
): OpenElmError | Transient {
  const { status, headers } = response
  const code = headers.get('x-error-code')
  const said = headers.get('x-error-message')?.slice(0, 200)
  const repo = subject.split(':')[0]
  if (status === 429 || status === 408 || status >= 500) {
    const why =
      status === 429
        ? 'The hub has had too many requests from this address (429).'
        : `The hub answered with status ${status}.`
    return new Transient(networkError(subject, why), seconds(headers.get('retry-after')))
  }
  if (code === 'GatedRepo') {
    return new OpenElmError('E_ACCESS', `${repo} is gated.`, {
      why: said ?? 'Its owners give access to those who accept their terms.',
      next: `Accept them at ${settings.endpoint}/${repo} and put your access token into HF_TOKEN.`,
    })
  }
  if (status === 404 || (status === 401 && settings.token === undefined)) {
    return new OpenElmError('E_NOT_FOUND', `${subject} does not exist on the hub.`, {
      why: status === 401 ? 'Or it is private, and no access token was given.' : (said ?? 'It answered 404.'),
      next: 'Check the name; for a private model put your access token into HF_TOKEN.',
    })
  }
  if (status === 401 || status === 403) {
    return new OpenElmError('E_ACCESS', `The hub denies access to ${subject}.`, {
      why:
        said ?? (status === 401 ? 'It does not accept the access token.' : 'The token has no right to it.'),
      next: `Check HF_TOKEN; tokens are made at ${settings.endpoint}/settings/tokens.`,
    })
  }
  return networkError(subject, `The hub answered with status ${status}${said ? `: ${said}` : '.'}`)
}
