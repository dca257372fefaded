import { type ErrorCode, OpenElmError } from '../errors.js'

export interface ApiErrorDetails {
  /** The field of the request that is wrong. */
  readonly param?: string
  readonly code?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** An error that a client sees, in OpenAI's shape. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly param: string | null
  readonly code: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, details: ApiErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.status = status
    this.param = details.param ?? null
    this.code = details.code ?? null
    this.headers = details.headers ?? {}
  }

  get body() {
    const { message, param, code } = this
    return { error: { message, type: typeOf(this.status), param, code } }
  }

  toResponse(): Response {
    return Response.json(this.body, { status: this.status, headers: this.headers })
  }
}

function typeOf(status: number): string {
  if (status === 401 || status === 403) return 'authentication_error'
  return status < 500 ? 'invalid_request_error' : 'server_error'
}

/** What the library's errors mean to a client; those not named here are the server's own fault. */
const STATUS: Partial<Record<ErrorCode, readonly [status: number, code: string]>> = {
  E_USAGE: [400, 'invalid_value'],
  E_CONTEXT_FULL: [400, 'context_length_exceeded'],
  E_GRAMMAR: [400, 'invalid_grammar'],
  E_TEMPLATE: [400, 'template_error'],
  E_TOKENIZER: [400, 'no_tokenizer'],
  E_BUSY: [503, 'server_busy'],
  E_DISPOSED: [503, 'server_stopping'],
  E_MEMORY: [503, 'out_of_memory'],
}

/** The error for a client of anything thrown. What is not meant for users is not told. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof OpenElmError) {
    const known = STATUS[error.code]
    const [status, code] = known ?? [500, 'internal_error']
    const message = [error.message, error.why].filter(Boolean).join(' ')
    return new ApiError(status, message, {
      code,
      cause: error,
      ...(status === 503 ? { headers: { 'retry-after': '1' } } : {}),
    })
  }
  return new ApiError(500, 'The server failed inside; its log says more.', {
    code: 'internal_error',
    cause: error,
  })
}
