import { type ErrorCode, OpenElmError } from '../errors.js'
import type { NativeErrorCode } from '../native/binding.js'
import { forget } from '../native/probe-memory.js'

interface Meaning {
  readonly code: ErrorCode
  readonly why: string
  readonly next?: string
}

const MEANINGS: Readonly<Record<NativeErrorCode, Meaning>> = {
  INVALID: {
    code: 'E_NATIVE',
    why: 'The engine refused an argument that should have been refused before it.',
  },
  IO: {
    code: 'E_FILE_READ',
    why: 'The operating system could not read the file.',
    next: 'Check that the disk is sound, and that nothing writes to the file meanwhile.',
  },
  MEMORY: {
    code: 'E_MEMORY',
    why: 'There is not enough memory.',
    next: 'Use a smaller model, a smaller type such as q4_0, or a shorter context.',
  },
  CONTEXT_FULL: {
    code: 'E_CONTEXT_FULL',
    why: 'The context has no room for more tokens.',
    next: 'Shorten the text or raise the context length.',
  },
  GRAMMAR: {
    code: 'E_GRAMMAR',
    why: 'No text of the grammar can be generated.',
    next: 'Allow more tokens (-n, -c, max_tokens), or change the grammar or schema.',
  },
  ABORTED: { code: 'E_ABORTED', why: 'The signal that was given for it fired.' },
  DISPOSED: { code: 'E_DISPOSED', why: 'It was disposed.' },
  DEVICE: {
    code: 'E_BACKEND',
    why: 'The GPU or its driver failed.',
    next: 'Try it again, or on the processor with --backend cpu; docs/troubleshooting.md says more.',
  },
  INTERNAL: { code: 'E_NATIVE', why: 'The engine failed inside; this is a bug.' },
}

/** What to do when the memory of a GPU does not suffice. */
export const GPU_MEMORY_NEXT =
  'Put fewer layers on the GPU with --gpu-layers, or use a smaller type such as q4_0.'

/**
 * The error of this package for what the addon threw; `what` says what failed. Others pass through. After a fault of a
 * GPU no later process counts on what it is known to do.
 * @param memoryNext what to do where memory is short, if it is not the usual
 */
export function fromNative(error: unknown, what: string, memoryNext?: string): unknown {
  if (!(error instanceof Error) || error instanceof OpenElmError) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (!Object.hasOwn(MEANINGS, code)) return error
  const meaning = MEANINGS[code as NativeErrorCode]
  if (code === 'DEVICE') forget()
  const detail = error.message ? `${meaning.why} (${error.message})` : meaning.why
  const next = (meaning.code === 'E_MEMORY' && memoryNext) || meaning.next
  return new OpenElmError(meaning.code, what, {
    why: detail,
    ...(next ? { next } : {}),
    cause: error,
  })
}

/** The error of an operation whose signal fired. */
export function abortedError(what: string, signal: AbortSignal | undefined): OpenElmError {
  return new OpenElmError('E_ABORTED', what, { why: MEANINGS.ABORTED.why, cause: signal?.reason })
}
