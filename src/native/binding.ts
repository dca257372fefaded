/**
 * The whole surface of the native addon as one type. Nothing else in the project may describe it.
 *
 * Arguments arrive here validated: the addon checks again only what memory safety depends on.
 * Failures are Errors with a `code` of `NativeErrorCode`.
 */
import type { NativeGrammar } from './binding-grammar.js'
import type { NativeTextStream, NativeTokenizer, NativeVocab } from './binding-tokenizer.js'

export type * from './binding-grammar.js'
export type * from './binding-tokenizer.js'

import type { KernelBenchResult, KernelBenchSpec } from './bench-binding.js'
import type { BackendName, GpuDevice, GpuDevices } from './gpu-binding.js'

export type { KernelBenchResult, KernelBenchSpec } from './bench-binding.js'
export type { BackendName, GpuDevice, GpuDevices } from './gpu-binding.js'

/** Instruction-set variants, in ascending order of preference on their architecture. */
export type IsaName = 'reference' | 'avx2' | 'avx512' | 'amx' | 'neon'

/** Element type of the kv cache. `q8_0` needs a head_dim that is a multiple of 32. */
export type KvType = 'f32' | 'f16' | 'q8_0'
/** How the CPU carries activations of prompts: with 13 bits or more, or with 8. */
export type Activations = 'auto' | 'int8'

export type NativeErrorCode =
  | 'INVALID'
  | 'IO'
  | 'MEMORY'
  | 'CONTEXT_FULL'
  | 'GRAMMAR'
  | 'ABORTED'
  | 'DISPOSED'
  | 'DEVICE'
  | 'INTERNAL'

export interface CpuInfo {
  readonly arch: string
  /** Every variant compiled in, and whether CPU and OS run it. */
  readonly isas: readonly { readonly name: IsaName; readonly supported: boolean }[]
  readonly best: IsaName
  readonly physicalCores: number
}

/** A read-only memory map of one file. Unmapped when collected and no model uses it. */
export interface NativeMappedFile {
  readonly size: number
  /** Copy of `length` bytes from `offset`. Throws INVALID outside the file. */
  read(offset: number, length: number): Uint8Array
  /**
   * Converts `rows` rows of `cols` elements, stored contiguously from `offset` as ggml type `from`, to ggml type `to`,
   * off the main thread. Throws INVALID for ranges outside the file or cols that are not a multiple of a block.
   */
  convert(offset: number, from: number, rows: number, cols: number, to: number): Promise<Uint8Array>
  /** Has a thread bring the whole file into memory: for who is about to need all of it. */
  readAhead(): void
}

/** A range of a mapped file read into memory of its own: huge pages where the system has them. */
export interface NativeFileCopy {
  /**
   * Reads with so many threads, off the main thread. Once an object. Rejects with IO where the file has become shorter,
   * MEMORY, or ABORTED.
   */
  read(range: { readonly offset: number; readonly length: number; readonly threads: number }): Promise<void>
  /** Has the reading end soon. */
  abort(): void
  /** Lets go of the memory, which models made from it keep for as long as they live. */
  dispose(): void
}

/** A weight matrix or vector inside a mapped file. Norm vectors have rows 1. */
export interface NativeTensor {
  /** GGUF name, such as `blk.0.attn_qkv.weight`. */
  readonly name: string
  /** ggml type id. */
  readonly type: number
  readonly rows: number
  readonly cols: number
  /** Byte offset in the file. */
  readonly offset: number
}

export interface NativeModelConfig {
  readonly dim: number
  readonly headDim: number
  readonly vocabSize: number
  /** Per layer. */
  readonly heads: readonly number[]
  readonly kvHeads: readonly number[]
  readonly ffn: readonly number[]
  readonly ropeBase: number
  readonly rmsEps: number
}

/** Weights come from a file, or are made in memory by the rule of test/golden/README.md. */
export type NativeWeights =
  | {
      readonly file: NativeMappedFile
      readonly tensors: readonly NativeTensor[]
      /** Tensors that lie in it are used from there. */
      readonly copy?: NativeFileCopy
    }
  | { readonly synthetic: number }

export interface NativeModelOptions {
  readonly threads: number
  readonly isa: IsaName
  /** Default auto. int8: prompts by kernels with 8-bit activations, for the types of weights that have some. */
  readonly activations?: Activations
  /** Default cpu. INVALID for one that is not compiled in; its driver's failure otherwise. */
  readonly backend?: BackendName
  /**
   * The last so many layers run on the GPU, with the logits; the others on the CPU. Default, and at most: all.
   * MEMORY, naming what is needed, free and would fit, if their weights do not fit.
   */
  readonly gpuLayers?: number
  /** Default true. false: a GPU decodes large models like small ones (native/gpu/README.md, "Chains"). */
  readonly chains?: boolean
}

export type LogitsMode = 'none' | 'last' | 'all'

export interface NativeSampling {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly typicalP: number
  readonly repeatPenalty: number
  readonly frequencyPenalty: number
  readonly presencePenalty: number
  readonly penaltyLastN: number
  readonly seed: bigint
  readonly logitBias: readonly { readonly token: number; readonly bias: number }[]
}

export interface NativeGenerateOptions {
  readonly sampling: NativeSampling
  readonly maxTokens: number
  readonly stopTokens: readonly number[]
  readonly stopStrings: readonly string[]
  /** Emit control tokens as text. */
  readonly special: boolean
  /** What the text must be. GRAMMAR when maxTokens are too few for any text of it. */
  readonly grammar: NativeGrammar | undefined
}

export interface NativeGenerateResult {
  readonly finishReason: 'eos' | 'stop' | 'length' | 'context' | 'aborted'
  readonly stopString: string | null
  readonly tokens: Int32Array
  readonly promptTokens: number
  readonly prefillSeconds: number
  readonly decodeSeconds: number
  /** Seconds from the call to the first sampled token. */
  readonly firstTokenSeconds: number
  readonly sampleSeconds: number
}

export interface NativeSession {
  readonly nCtx: number
  /** Tokens whose keys and values are in the cache. */
  readonly nPast: number
  readonly kvBytes: number
  /** Drops everything from position n on. */
  truncate(n: number): void
  /** Appends ids. Resolves to `[rows][vocab]` logits; rows 0, 1 or ids.length by mode. */
  evaluate(ids: Int32Array, logits: LogitsMode): Promise<Float32Array>
  /**
   * Appends ids (at least one unless logits of a former call are there), then samples until something stops it.
   * `onPiece` gets the text on the main thread, in order: of one token, or of those of some milliseconds where they
   * come faster. All calls precede the promise's resolution.
   * The last sampled token is not evaluated: nPast = what was there + ids + tokens - 1.
   */
  generate(
    tokenizer: NativeTokenizer,
    ids: Int32Array,
    options: NativeGenerateOptions,
    onPiece: (text: string) => void,
  ): Promise<NativeGenerateResult>
  /** Bytes that the keys and values of one position take in a layer. */
  kvPositionBytes(layer: number): number
  /** Keys and values of the first n positions of a layer: those of one head after another, then the values. */
  readKv(layer: number, n: number): Uint8Array
  /** Takes the first `count` of the n positions whose keys and values `bytes` holds, as readKv gives them. */
  writeKv(layer: number, bytes: Uint8Array, n: number, count: number): void
  /**
   * How many of `common` tokens, the beginning of a prompt of `before` tokens, another prompt of `now` tokens may take
   * over and still come to the same keys and values to the last bit.
   */
  reusable(common: number, before: number, now: number): number
  /** Says that the cache holds these ids, and that what is evaluated next is the rest of their prompt. */
  adopt(ids: Int32Array): void
  /** Stops the running call soon: evaluate rejects with ABORTED, generate resolves with `aborted`. */
  abort(): void
  dispose(): void
}

export interface NativeBatchOptions {
  /** Sequences that run at a time. */
  readonly slots: number
  /** Tokens of context of each. */
  readonly nCtx: number
  readonly kvType: KvType
  /** Kernels for prompts are chosen for parts of so many tokens, as a session with this nBatch chooses them. */
  readonly nBatch: number
  /** Most tokens evaluated in one pass. */
  readonly stepTokens: number
}

/** Sequences that are evaluated together by a thread of their own. Keeps the process alive only while it works. */
export interface NativeBatch {
  /** Of all slots. */
  readonly kvBytes: number
  /**
   * Queues a prompt and generates once a slot is free; `id` is the caller's, unique among those in flight. Otherwise as
   * NativeSession.generate, with promptTokens what had to be evaluated and firstTokenSeconds from the call on.
   */
  generate(
    id: number,
    ids: Int32Array,
    options: NativeGenerateOptions,
    onPiece: (text: string) => void,
  ): Promise<NativeGenerateResult>
  /** The generation ends soon as `aborted`, waiting or running; ids of ended ones are ignored. */
  cancel(id: number): void
  /** Ends all as `aborted`; resolves when the thread has ended. */
  close(): Promise<void>
}

export interface NativeModel {
  readonly weightBytes: number
  readonly threads: number
  readonly isa: IsaName
  /** int8 only where some matrix meets such kernels. */
  readonly activations: Activations
  readonly backend: BackendName
  /** The GPU in use; null on the CPU. */
  readonly device: GpuDevice | null
  /** Layers on the GPU. */
  readonly gpuLayers: number
  /** Bytes of weights on the GPU. */
  readonly gpuWeightBytes: number
  createSession(nCtx: number, kvType: KvType, nBatch: number): NativeSession
  createBatch(tokenizer: NativeTokenizer, options: NativeBatchOptions): NativeBatch
  /** Frees the weights once the calls in flight have ended. */
  dispose(): void
}

export interface NativeBinding {
  cpu(): CpuInfo
  /** Asks the drivers; a bad one may end the process, so ask in one that may end. */
  gpuDevices(): GpuDevices
  MappedFile: new (path: string) => NativeMappedFile
  FileCopy: new (file: NativeMappedFile) => NativeFileCopy
  Tokenizer: new (vocab: NativeVocab) => NativeTokenizer
  /** `special` and `stripSpace` as in NativeTokenizer.decode; empty stop strings are ignored. */
  TextStream: new (
    tokenizer: NativeTokenizer,
    special: boolean,
    stripSpace: boolean,
    stopStrings: readonly string[],
  ) => NativeTextStream
  Model: new (config: NativeModelConfig, weights: NativeWeights, options: NativeModelOptions) => NativeModel
  /** From GBNF. Throws GRAMMAR, with `line:column: ` where the text is wrong at a place. */
  Grammar: new (
    tokenizer: NativeTokenizer,
    gbnf: string,
  ) => NativeGrammar
  /** ggml block conversion of rows in memory (sync; for tests and small data). */
  convertRows(from: number, data: Uint8Array, rows: number, cols: number, to: number): Uint8Array
  /** Samples one token from logits with the history of ids so far. For tests. */
  sample(logits: Float32Array, history: Int32Array, options: NativeSampling): number
  /** The first `draws` tokens that one sampler gives for the same logits and history. For tests and benches. */
  sampleDraws(logits: Float32Array, history: Int32Array, options: NativeSampling, draws: number): Int32Array
  benchKernel(spec: KernelBenchSpec): Promise<KernelBenchResult>
}
