/**
 * Stable identifiers of everything that can go wrong for a user. Scripts may match on them;
 * a code is never renamed and never reused for something else.
 */
export type ErrorCode =
  | 'E_USAGE'
  | 'E_FILE_NOT_FOUND'
  | 'E_FILE_READ'
  | 'E_FILE_WRITE'
  | 'E_FORMAT'
  | 'E_UNSUPPORTED'
  | 'E_CONFIG'
  | 'E_TOKENIZER'
  | 'E_TEMPLATE'
  | 'E_CONTEXT_FULL'
  | 'E_PROMPT_CACHE'
  | 'E_GRAMMAR'
  | 'E_BUSY'
  | 'E_MEMORY'
  | 'E_NATIVE_LOAD'
  | 'E_NATIVE'
  | 'E_BACKEND'
  | 'E_DISPOSED'
  | 'E_ABORTED'
  | 'E_NO_TTY'
  | 'E_NETWORK'
  | 'E_ACCESS'
  | 'E_NOT_FOUND'
  | 'E_CHECKSUM'
  | 'E_NOT_PULLED'

/** What a user sees: what failed with its value, why, and what to do next. */
export interface ErrorDetails {
  /** Why it failed, one sentence. */
  readonly why?: string
  /** What to do next, one sentence. */
  readonly next?: string
  readonly cause?: unknown
}

/**
 * The one error class of this package. `message` says what failed, with the offending value;
 * `why` and `next` complete the three lines that the command line prints.
 */
export class OpenElmError extends Error {
  override readonly name = 'OpenElmError'
  readonly code: ErrorCode
  readonly why: string | undefined
  readonly next: string | undefined

  constructor(code: ErrorCode, what: string, details: ErrorDetails = {}) {
    super(what, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.why = details.why
    this.next = details.next
  }
}
