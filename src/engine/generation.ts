import { OpenElmError } from '../errors.js'
import type { NativeGenerateResult } from '../native/binding.js'
import type { PieceQueue } from './piece-queue.js'
import type { GenerateResult, Generation, Timings } from './types.js'

/** A generation whose text can be iterated once. */
export class SingleUseGeneration implements Generation {
  readonly result: Promise<GenerateResult>
  #queue: PieceQueue | undefined

  constructor(queue: PieceQueue, result: Promise<GenerateResult>) {
    this.#queue = queue
    this.result = result
  }

  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    const queue = this.#queue
    if (!queue) {
      throw new OpenElmError('E_USAGE', 'The text of a generation can be iterated only once.', {
        why: 'Its pieces are not kept.',
        next: 'Await its result, which has the whole text.',
      })
    }
    this.#queue = undefined
    return queue
  }
}

const NO_TIMINGS: Timings = {
  promptTokens: 0,
  prefillSeconds: 0,
  decodeSeconds: 0,
  firstTokenSeconds: 0,
  sampleSeconds: 0,
  prefillRate: 0,
  decodeRate: 0,
}

/** The result of a generation that ended before it began. */
export function emptyResult(finishReason: 'aborted' | 'length'): GenerateResult {
  return { text: '', tokens: new Int32Array(0), finishReason, stopString: undefined, timings: NO_TIMINGS }
}

const rate = (tokens: number, seconds: number) => (tokens > 0 && seconds > 0 ? tokens / seconds : 0)

/**
 * The result in the terms of the library; `maxTokens` is what the caller asked for, `limit` what the engine was asked
 * for: less where less fits into the context.
 */
export function toResult(
  native: NativeGenerateResult,
  text: string,
  maxTokens: number | undefined,
  limit: number,
): GenerateResult {
  const { tokens, promptTokens, prefillSeconds, decodeSeconds, firstTokenSeconds, sampleSeconds } = native
  // What looks like the caller's limit may be the context's end.
  const cut = native.finishReason === 'length' && (maxTokens === undefined || limit < maxTokens)
  return {
    text,
    tokens,
    finishReason: cut ? 'context' : native.finishReason,
    stopString: native.stopString ?? undefined,
    timings: {
      promptTokens,
      prefillSeconds,
      decodeSeconds,
      firstTokenSeconds,
      sampleSeconds,
      prefillRate: rate(promptTokens, prefillSeconds),
      // The first token comes out of prefill.
      decodeRate: rate(tokens.length - 1, decodeSeconds),
    },
  }
}
