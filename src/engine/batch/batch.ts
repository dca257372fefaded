import { OpenElmError } from '../../errors.js'
import type { NativeBatch } from '../../native/binding.js'
import { contextFull, type GenerateModel, readGenerateOptions } from '../generate-request.js'
import { emptyResult, SingleUseGeneration, toResult } from '../generation.js'
import { checkIds } from '../ids.js'
import { abortedError, fromNative } from '../native-error.js'
import { PieceQueue } from '../piece-queue.js'
import type { GenerateOptions, GenerateResult, Generation } from '../types.js'

/** What a batch needs of its model. */
export interface BatchModel extends GenerateModel {
  encodePrompt(text: string, start: boolean): Int32Array
}

/**
 * Several sequences at once on one model: every pass through the weights serves them all. Each generation is a
 * sequence of its own that begins with its prompt. Its text is what a session of the same `nBatch` would write, whoever
 * else is there. Beginnings that prompts have in common (a system message, a conversation) are evaluated once.
 * Made by `Model.createBatch`.
 */
export class Batch {
  /** Sequences that run at a time. */
  readonly slots: number
  /** Context length of each in tokens. */
  readonly nCtx: number
  /** Most generations that wait for a slot; another one is refused. */
  readonly maxWaiting: number
  /** Size of all kv caches in bytes: what the batch takes, besides activations and one row of logits a slot. */
  readonly kvBytes: number
  readonly #native: NativeBatch
  readonly #model: BatchModel
  #inFlight = 0
  #lastId = 0
  #disposed = false

  constructor(
    native: NativeBatch,
    model: BatchModel,
    size: { readonly slots: number; readonly nCtx: number; readonly maxWaiting: number },
  ) {
    this.#native = native
    this.#model = model
    this.slots = size.slots
    this.nCtx = size.nCtx
    this.maxWaiting = size.maxWaiting
    this.kvBytes = native.kvBytes
  }

  /** Generations that have a slot. */
  get running(): number {
    return Math.min(this.#inFlight, this.slots)
  }

  /** Generations that wait for one. */
  get waiting(): number {
    return this.#inFlight - this.running
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /**
   * Generates from a prompt, as `Session.generate` on a new session; begins when a slot is free.
   * `timings.promptTokens` counts what had to be evaluated, `firstTokenSeconds` includes the wait.
   * @throws OpenElmError E_USAGE, E_CONTEXT_FULL, E_DISPOSED, E_BUSY when too many wait, at the call
   */
  generate(prompt: string | Int32Array | readonly number[], options: GenerateOptions = {}): Generation {
    this.#assertLive()
    const request = readGenerateOptions(this.#model, options)
    const given = typeof prompt === 'string' ? this.#model.encodePrompt(prompt, true) : prompt
    const ids = checkIds(given, this.#model.vocabSize)
    if (ids.length > this.nCtx) throw contextFull(ids.length, this.nCtx)
    if (this.#inFlight >= this.slots + this.maxWaiting) throw this.#busy()
    const id = ++this.#lastId
    let text = ''
    const queue = new PieceQueue(() => this.#native.cancel(id))
    const { signal, maxTokens } = request
    const nativeOptions = request.native(this.nCtx - ids.length + 1)
    const work = async (): Promise<GenerateResult> => {
      if (signal?.aborted) return emptyResult('aborted')
      // Whether no text will do is for a grammar to say.
      if (maxTokens === 0 && !nativeOptions.grammar) return emptyResult('length')
      const abort = () => this.#native.cancel(id)
      signal?.addEventListener('abort', abort, { once: true })
      this.#inFlight++
      try {
        const native = await this.#native.generate(id, ids, nativeOptions, (piece) => {
          text += piece
          queue.push(piece)
        })
        return toResult(native, text, maxTokens, nativeOptions.maxTokens)
      } catch (error) {
        if (signal?.aborted) throw abortedError('The generation was aborted.', signal)
        throw fromNative(error, 'The generation failed.')
      } finally {
        this.#inFlight--
        signal?.removeEventListener('abort', abort)
      }
    }
    const result = work()
    result.then(
      () => queue.end(),
      (error) => queue.fail(error),
    )
    return new SingleUseGeneration(queue, result)
  }

  /** Ends every generation as `aborted` and frees the caches. Resolves when that is done. May be called again. */
  async dispose(): Promise<void> {
    this.#disposed = true
    await this.#native.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #assertLive(): void {
    if (!this.#disposed) return
    throw new OpenElmError('E_DISPOSED', 'The batch was disposed before generate was called.', {
      why: 'Its memory is freed.',
      next: 'Create another batch.',
    })
  }

  #busy(): OpenElmError {
    return new OpenElmError('E_BUSY', `${this.running} generations run and ${this.waiting} wait.`, {
      why: `No more than ${this.maxWaiting} may wait.`,
      next: 'Try again later.',
    })
  }
}
