import * as z from 'zod'
import { OpenElmError } from '../errors.js'
import type { NativeSession } from '../native/binding.js'
import { contextFull, type GenerateModel, readGenerateOptions, signalSchema } from './generate-request.js'
import { emptyResult, SingleUseGeneration, toResult } from './generation.js'
import { checkIds, prepend, sameIds } from './ids.js'
import { abortedError, fromNative } from './native-error.js'
import { PieceQueue } from './piece-queue.js'
import { loadPromptCache, type PromptCacheForm, savePromptCache } from './prompt-cache/prompt-cache.js'
import { integer } from './sampling.js'
import type { EvaluateOptions, GenerateOptions, GenerateResult, Generation } from './types.js'
import { validate } from './validate.js'

/** What a session needs of its model. */
export interface SessionModel extends GenerateModel {
  /** Ids of a prompt that begins a context (`start`) or goes on in one. */
  encodePrompt(text: string, start: boolean): Int32Array
}

const evaluateSchema = z.strictObject({
  logits: z.enum(['all', 'last', 'none'], { error: 'one of all, last, none' }).default('last'),
  signal: signalSchema,
})

/**
 * One sequence of tokens with its kv cache. Calls follow one another: a call while another runs is an error.
 * Made by `Model.createSession`.
 */
export class Session {
  /** Context length in tokens. */
  readonly nCtx: number
  /** Size of the kv cache in bytes. */
  readonly kvBytes: number
  readonly #native: NativeSession
  readonly #model: SessionModel
  readonly #cacheForm: PromptCacheForm
  /** Ids whose keys and values are in the cache: the first `nPast` of these. */
  readonly #ids: Int32Array
  /** The token sampled last, which is not in the cache yet. */
  #pending: number | undefined
  #running: Promise<unknown> | undefined
  /** What a file of a prompt is known to hold. */
  #onFile: { readonly path: string; readonly ids: Int32Array } | undefined
  #disposed = false

  constructor(native: NativeSession, model: SessionModel, form: PromptCacheForm) {
    this.#cacheForm = form
    this.#native = native
    this.#model = model
    this.nCtx = native.nCtx
    this.kvBytes = native.kvBytes
    this.#ids = new Int32Array(native.nCtx)
  }

  /** Tokens in the cache; 0 once disposed. */
  get nPast(): number {
    return this.#disposed ? 0 : this.#native.nPast
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** Copy of the ids in the cache, in order. */
  get tokens(): Int32Array {
    return this.#ids.slice(0, this.nPast)
  }

  /**
   * Drops every token from position n on, and the one sampled last.
   * @throws OpenElmError E_USAGE unless 0 ≤ n ≤ nPast, or while a call runs
   */
  truncate(n: number): void {
    this.#assertIdle('truncate')
    validate(integer(0, this.nPast), n, 'truncate')
    this.#truncate(n)
  }

  /**
   * Makes the cache a prefix of `ids`: keeps the tokens both have in common, drops the rest, and returns the ids that
   * remain to be given to `generate` or `evaluate`; at least one, because the last one's logits are needed.
   */
  reuse(ids: Int32Array): Int32Array {
    this.#assertIdle('reuse')
    checkIds(ids, this.#model.vocabSize)
    const limit = Math.min(this.nPast, ids.length - 1)
    let common = 0
    while (common < limit && ids[common] === this.#ids[common]) common++
    this.#truncate(common)
    return ids.subarray(common)
  }

  /**
   * Appends ids and resolves to their logits, `[n][vocab]` in f32: n is ids.length for `all`, 1 for `last`, 0 for
   * `none`. All or nothing: a call that fails or is aborted leaves the cache as it was.
   * @throws OpenElmError E_USAGE for ids outside the vocabulary or a busy session, E_CONTEXT_FULL, E_ABORTED, E_DISPOSED
   */
  async evaluate(ids: Int32Array | readonly number[], options: EvaluateOptions = {}): Promise<Float32Array> {
    this.#assertIdle('evaluate')
    const { logits, signal } = validate(evaluateSchema, options, 'evaluate options')
    const given = checkIds(ids, this.#model.vocabSize)
    const fed = this.#withPending(given)
    if (signal?.aborted) throw abortedError('The evaluation was aborted.', signal)
    const before = this.nPast
    const vocab = this.#model.vocabSize
    try {
      const rows = await this.#run(signal, () => this.#native.evaluate(fed, logits))
      this.#appended(before, fed)
      // The row of a token sampled before is not one the caller asked for.
      return logits === 'all' && fed.length > given.length ? rows.subarray(vocab) : rows
    } catch (error) {
      this.#rollBack(before)
      throw this.#explain(error, 'The evaluation', signal)
    }
  }

  /**
   * Appends a prompt and samples until something stops it. Starts at once, whether or not the text is iterated.
   * A text prompt gets BOS only at the start of the context. Leaving the loop early aborts the generation.
   * Failures reach the loop and `result`; a `result` nobody awaits never becomes an unhandled rejection.
   * @throws OpenElmError E_USAGE, E_CONTEXT_FULL, E_DISPOSED, at the call
   */
  generate(prompt: string | Int32Array | readonly number[], options: GenerateOptions = {}): Generation {
    this.#assertIdle('generate')
    const request = readGenerateOptions(this.#model, options)
    const { tokenizer, maxTokens, signal } = request
    const ids = this.#withPending(this.#promptIds(prompt))
    const before = this.nPast
    const nativeOptions = request.native(this.nCtx - before - ids.length + 1)
    let text = ''
    const queue = new PieceQueue(() => this.#abort())
    const work = async (): Promise<GenerateResult> => {
      if (signal?.aborted) return emptyResult('aborted')
      // Whether no text will do is for a grammar to say.
      if (maxTokens === 0 && !nativeOptions.grammar) return emptyResult('length')
      try {
        const native = await this.#run(signal, () =>
          this.#native.generate(tokenizer, ids, nativeOptions, (piece) => {
            text += piece
            queue.push(piece)
          }),
        )
        this.#generated(before, ids, native.tokens)
        return toResult(native, text, maxTokens, nativeOptions.maxTokens)
      } catch (error) {
        this.#rollBack(before)
        throw this.#explain(error, 'The generation', signal)
      }
    }
    const result = work()
    result.then(
      () => queue.end(),
      (error) => queue.fail(error),
    )
    return new SingleUseGeneration(queue, result)
  }

  /**
   * Takes over what a file of `savePrompt` holds of the beginning of `ids`, into an empty session, and returns the rest,
   * to be given to `generate` next: the text is what it would be without the file. A file that is not there holds nothing.
   * @throws OpenElmError E_PROMPT_CACHE for one of another model, kv type, nBatch or kernels, E_FORMAT, E_CHECKSUM,
   *   E_FILE_READ
   */
  async loadPrompt(path: string, ids: Int32Array): Promise<Int32Array> {
    this.#assertIdle('loadPrompt')
    this.truncate(0)
    const given = checkIds(ids, this.#model.vocabSize)
    const found = await this.#busyWith(loadPromptCache(path, given, this.#cacheForm, this.#native, this.nCtx))
    const { taken } = found
    this.#onFile = { path, ids: found.ids }
    if (taken > 0) this.#native.adopt(given.slice(0, taken))
    this.#ids.set(given.subarray(0, taken))
    return given.subarray(taken)
  }

  /**
   * Writes the first n tokens, a prompt that was evaluated at once, with their keys and values to a file, which is
   * replaced as a whole; one that `loadPrompt` found to hold just these stays.
   * @throws OpenElmError E_USAGE unless 0 < n ≤ nPast, E_FILE_WRITE
   */
  async savePrompt(path: string, n: number): Promise<void> {
    this.#assertIdle('savePrompt')
    validate(integer(1, this.nPast), n, 'savePrompt')
    const ids = this.#ids.slice(0, n)
    if (this.#onFile?.path === path && sameIds(this.#onFile.ids, ids)) return
    await this.#busyWith(savePromptCache(path, ids, this.#cacheForm, this.#native))
    this.#onFile = { path, ids }
  }

  /** Refuses other calls until the work is done. */
  async #busyWith<T>(work: Promise<T>): Promise<T> {
    this.#running = work
    try {
      return await work
    } finally {
      this.#running = undefined
    }
  }

  /** Stops what runs and frees the cache. Resolves when the call in flight, if any, has ended. May be called again. */
  async dispose(): Promise<void> {
    if (!this.#disposed) {
      this.#disposed = true
      this.#abort()
    }
    await this.#running?.catch(() => {})
    this.#native.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #abort(): void {
    if (this.#running) this.#native.abort()
  }

  /** Runs one native call: marks the session busy and passes the signal on. */
  async #run<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    const running = call()
    this.#running = running
    const abort = () => this.#native.abort()
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await running
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#running = undefined
    }
  }

  #promptIds(prompt: string | Int32Array | readonly number[]): Int32Array {
    const start = this.nPast === 0 && this.#pending === undefined
    const ids = typeof prompt === 'string' ? this.#model.encodePrompt(prompt, start) : prompt
    return checkIds(ids, this.#model.vocabSize)
  }

  /** The ids to feed: the token sampled last comes first. Checks that they fit. */
  #withPending(ids: Int32Array): Int32Array {
    const pending = this.#pending
    const fed = pending === undefined ? ids : prepend(pending, ids)
    if (this.nPast + fed.length > this.nCtx) {
      throw contextFull(fed.length, this.nCtx, this.nPast)
    }
    return fed
  }

  #appended(before: number, ids: Int32Array): void {
    this.#ids.set(ids, before)
    this.#pending = undefined
  }

  /** Notes what a generation left: the cache holds the prompt and the sampled tokens but, mostly, not the last. */
  #generated(before: number, ids: Int32Array, sampled: Int32Array): void {
    const added = this.nPast - before
    this.#ids.set(ids.subarray(0, added), before)
    const evaluated = Math.max(0, added - ids.length)
    this.#ids.set(sampled.subarray(0, evaluated), before + ids.length)
    this.#pending = sampled[evaluated]
  }

  /** Undoes what a failed call appended; the token sampled before it is still to come. */
  #rollBack(before: number): void {
    if (this.nPast > before) this.#native.truncate(before)
  }

  #truncate(n: number): void {
    if (n < this.nPast) this.#native.truncate(n)
    this.#pending = undefined
  }

  #assertIdle(what: string): void {
    if (this.#disposed) {
      throw new OpenElmError('E_DISPOSED', `The session was disposed before ${what} was called.`, {
        why: 'Its memory is freed.',
        next: 'Create another session.',
      })
    }
    if (this.#running) {
      throw new OpenElmError('E_USAGE', `The session is busy: ${what} was called while another call runs.`, {
        why: 'A session is one sequence of tokens.',
        next: 'Wait for the call before, or use a session for each.',
      })
    }
  }

  #explain(error: unknown, what: string, signal: AbortSignal | undefined): unknown {
    if (this.#disposed)
      return fromNative(Object.assign(new Error(''), { code: 'DISPOSED' }), `${what} was stopped.`)
    if (signal?.aborted) return abortedError(`${what} was aborted.`, signal)
    return fromNative(error, `${what} failed.`)
  }
}
