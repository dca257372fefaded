import * as z from 'zod'
import { OpenElmError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import type {
  Activations,
  BackendName,
  GpuDevice,
  IsaName,
  KvType,
  NativeModel,
  NativeTokenizer,
} from '../native/binding.js'
import { Batch } from './batch/batch.js'
import { batchSchema } from './batch/options.js'
import { checkIds, noTokenizer, prepend } from './ids.js'
import { loadSource } from './load-source.js'
import { controlPieces } from './model-source.js'
import { fromNative } from './native-error.js'
import { type OpenedModel, openModel } from './open-model.js'
import { kvTypeSchema, MAX_CONTEXT, nBatchSchema } from './options.js'
import { fingerprintOf } from './prompt-cache/fingerprint.js'
import { kernelsOf } from './prompt-cache/header.js'
import { FAMILY_SAMPLING, integer, type SamplingDefaults } from './sampling.js'
import { Session } from './session.js'
import { type SyntheticSize, syntheticSource } from './synthetic.js'
import type {
  BatchOptions,
  DetokenizeOptions,
  LoadOptions,
  SessionOptions,
  SyntheticOptions,
  TokenizeOptions,
} from './types.js'
import { validate } from './validate.js'

export type { ModelConfig }

const text = z.string({ error: 'text' })
const flag = z.boolean({ error: 'true or false' }).optional()
const sessionSchema = z.strictObject({
  nCtx: z.int({ error: 'an integer' }).optional(),
  kvType: kvTypeSchema.default('f16'),
  nBatch: nBatchSchema.optional(),
  beyondTraining: flag,
})
const tokenizeSchema = z.strictObject({ special: flag, bos: flag })
const detokenizeSchema = z.strictObject({ special: flag })

/**
 * A loaded model: its weights, its tokenizer, and the threads that compute. Sessions made from it share them.
 * Each worker thread loads its own; the weights of a file are mapped, so their memory is shared all the same.
 */
export class Model {
  /** What the model calls itself, such as `OpenELM-270M-Instruct`. */
  readonly name: string
  /** Type of most of its weights, such as `Q8_0`. */
  readonly type: string
  readonly config: ModelConfig
  readonly parameters: number
  readonly weightBytes: number
  readonly threads: number
  /** The variant of the CPU's kernels, in use where the CPU computes. */
  readonly isa: IsaName
  /** How activations of prompts are carried: `int8` where that was asked for and has kernels here, for a matrix at least. */
  readonly activations: Activations
  /** What computes. */
  readonly backend: BackendName
  /** The GPU that computes, if one does. */
  readonly device: GpuDevice | undefined
  /** Layers that the GPU computes: the last ones. */
  readonly gpuLayers: number
  /** Why no GPU computes where `auto` was to find one and a build is here, or it does so slower: a line of text. */
  readonly fallback: string | undefined
  /** Whether weights are used from their mapped file: neither read into memory nor synthetic. */
  readonly mmap: boolean
  /** Jinja source of its chat template; undefined for a base model. */
  readonly chatTemplate: string | undefined
  /** Every control piece of the vocabulary, such as `</s>`, with its id. */
  readonly controlPieces: ReadonlyMap<string, number>
  /** Ids of the special tokens; -1 where the vocabulary has none. */
  readonly bos: number
  readonly eos: number
  /** What generation does where its options are silent: the family's defaults, or what the file recommends. */
  readonly samplingDefaults: SamplingDefaults
  readonly #native: NativeModel
  readonly #tokenizer: NativeTokenizer | undefined
  readonly #addBos: boolean
  readonly #fingerprint: () => string
  readonly #users = new Set<WeakRef<Session | Batch>>()
  readonly #collected = new FinalizationRegistry<WeakRef<Session | Batch>>((ref) => this.#users.delete(ref))
  #disposed = false

  private constructor({ source, native, tokenizer, fallback, mmap }: OpenedModel) {
    this.name = source.name
    this.type = source.type
    this.config = source.config
    this.parameters = source.parameters
    this.weightBytes = native.weightBytes
    this.threads = native.threads
    this.isa = native.isa
    this.activations = native.activations
    this.backend = native.backend
    this.device = native.device ?? undefined
    this.gpuLayers = native.gpuLayers
    this.fallback = fallback
    this.mmap = mmap
    this.chatTemplate = source.chatTemplate
    this.controlPieces = controlPieces(source)
    this.bos = source.vocab?.bos ?? -1
    this.eos = source.vocab?.eos ?? -1
    this.samplingDefaults = { ...FAMILY_SAMPLING, ...source.sampling }
    this.#native = native
    this.#tokenizer = tokenizer
    this.#fingerprint = () => fingerprintOf(source)
    this.#addBos = source.addBos && this.bos >= 0
  }

  /**
   * Loads a GGUF file. Its weights are mapped, not read, unless `mmap` says otherwise.
   * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT, E_UNSUPPORTED, E_CONFIG, E_MEMORY, E_BACKEND, E_USAGE,
   *   E_ABORTED
   */
  static async load(path: string, options: LoadOptions = {}): Promise<Model> {
    validate(text, path, 'path')
    return new Model(
      await openModel((addon, readAhead) => loadSource(path, addon, readAhead), options, `Loading "${path}"`),
    )
  }

  /**
   * A model of a published size with weights made in memory by a fixed rule (test/golden/README.md): for measuring
   * without a download. Its text is noise, and its vocabulary has made-up pieces.
   */
  static async synthetic(size: SyntheticSize, options: SyntheticOptions = {}): Promise<Model> {
    const { type, ...load } = options
    const source = () => syntheticSource(size, type ?? 'q8_0')
    return new Model(await openModel(source, load, `Making a synthetic ${size}`))
  }

  /** Tokens in the vocabulary: the width of a row of logits. */
  get vocabSize(): number {
    return this.config.vocabSize
  }

  /** Tokens of context the model was trained for. */
  get contextLength(): number {
    return this.config.contextLength
  }

  get layers(): number {
    return this.config.heads.length
  }

  /** Prompt tokens evaluated at once where a session does not say: a GPU needs many to be busy. */
  get batchSize(): number {
    return this.backend === 'cpu' ? 512 : 2048
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** For sessions. */
  get nativeTokenizer(): NativeTokenizer | undefined {
    return this.#tokenizer
  }

  /**
   * Ids of a text, in SentencePiece's way: a space is put before it.
   * @throws OpenElmError E_TOKENIZER when the model has no tokenizer
   */
  tokenize(input: string, options: TokenizeOptions = {}): Int32Array {
    validate(text, input, 'text')
    const { special, bos } = validate(tokenizeSchema, options, 'tokenize options')
    return this.#encode(input, { special: special ?? false, prefix: true, bos: bos ?? this.#addBos })
  }

  /** Ids of ordinary text: no BOS, no control tokens; SentencePiece's space in front. */
  encodeText(input: string): Int32Array {
    return this.#encode(input, { special: false, prefix: true, bos: false })
  }

  /** Ids of text that goes on where a context ends, or begins it. For sessions. */
  encodePrompt(input: string, start: boolean): Int32Array {
    return this.#encode(input, { special: false, prefix: start, bos: start && this.#addBos })
  }

  /** Text of ids, without the space that `tokenize` puts in front. Invalid UTF-8 becomes U+FFFD. */
  detokenize(ids: Int32Array | readonly number[], options: DetokenizeOptions = {}): string {
    const { special } = validate(detokenizeSchema, options, 'detokenize options')
    const tokenizer = this.#liveTokenizer('decode tokens')
    if (ids.length === 0) return ''
    return tokenizer.decode(checkIds(ids, this.vocabSize), special ?? false, true)
  }

  /**
   * A new sequence with a kv cache of its own.
   * @throws OpenElmError E_USAGE for an nCtx beyond what the model was trained for, E_MEMORY, E_UNSUPPORTED
   */
  createSession(options: SessionOptions = {}): Session {
    this.#assertLive('createSession')
    const { nCtx, kvType, beyondTraining, ...given } = validate(sessionSchema, options, 'session options')
    const length = this.#checkContext(nCtx, kvType, beyondTraining ? MAX_CONTEXT : this.contextLength)
    const nBatch = given.nBatch ?? this.batchSize
    const form = { model: this.name, isa: kernelsOf(this), fingerprint: this.#fingerprint, kvType, nBatch }
    try {
      return this.#track(new Session(this.#native.createSession(length, kvType, nBatch), this, form))
    } catch (error) {
      throw fromNative(error, `A session of ${length} tokens could not be created.`)
    }
  }

  /**
   * Room for several sequences that are evaluated together: `slots` kv caches of nCtx tokens each.
   * @throws OpenElmError as createSession does, and E_TOKENIZER
   */
  createBatch(options: BatchOptions = {}): Batch {
    this.#assertLive('createBatch')
    const { nCtx, maxWaiting, ...given } = validate(batchSchema, options, 'batch options')
    const size = {
      ...given,
      nBatch: given.nBatch ?? this.batchSize,
      stepTokens: given.stepTokens ?? this.batchSize / 2,
    }
    const length = this.#checkContext(nCtx, size.kvType, this.contextLength)
    const tokenizer = this.#liveTokenizer('generate text')
    try {
      const native = this.#native.createBatch(tokenizer, { ...size, nCtx: length })
      return this.#track(new Batch(native, this, { slots: size.slots, nCtx: length, maxWaiting }))
    } catch (error) {
      throw fromNative(error, `A batch of ${size.slots} × ${length} tokens could not be created.`)
    }
  }

  /** The context length wanted, checked with the type of its cache. */
  #checkContext(nCtx: number | undefined, kvType: KvType, most: number): number {
    const length = nCtx ?? this.contextLength
    if (length > most) throw contextTooLong(length, most)
    validate(integer(1, most), length, 'nCtx')
    if (kvType === 'q8_0' && this.config.headDim % 32 !== 0) {
      throw new OpenElmError('E_UNSUPPORTED', 'A kv cache of type q8_0 does not suit this model.', {
        why: `Its head_dim is ${this.config.headDim}, not a multiple of 32.`,
        next: 'Use f16 or f32.',
      })
    }
    return length
  }

  #track<T extends Session | Batch>(user: T): T {
    const ref = new WeakRef(user)
    this.#users.add(ref)
    this.#collected.register(user, ref)
    return user
  }

  /** Ends every session and batch, waits for the calls in flight, and frees the weights. May be called again. */
  async dispose(): Promise<void> {
    this.#disposed = true
    await Promise.all([...this.#users].map((ref) => ref.deref()?.dispose()))
    this.#native.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #encode(input: string, how: { special: boolean; prefix: boolean; bos: boolean }): Int32Array {
    const ids = this.#liveTokenizer('read text').encode(input, how.special, how.prefix)
    return how.bos && this.bos >= 0 ? prepend(this.bos, ids) : ids
  }

  #liveTokenizer(what: string): NativeTokenizer {
    this.#assertLive('its tokenizer')
    if (!this.#tokenizer) throw noTokenizer(what)
    return this.#tokenizer
  }

  #assertLive(what: string): void {
    if (!this.#disposed) return
    throw new OpenElmError('E_DISPOSED', `The model was disposed before ${what} was used.`, {
      why: 'Its memory is freed.',
      next: 'Load it again.',
    })
  }
}

function contextTooLong(nCtx: number, most: number): OpenElmError {
  return new OpenElmError(
    'E_USAGE',
    `Expected an integer between 1 and ${most} for nCtx, the context length, but received ${nCtx}.`,
    { why: `The model was trained for ${most} tokens; beyond them its text falls apart.` },
  )
}
