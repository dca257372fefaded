import type { JsonSchema } from '../grammar/json-schema.js'
import type {
  Activations,
  BackendName,
  CpuInfo,
  GpuDevice,
  IsaName,
  KvType,
  LogitsMode,
} from '../native/binding.js'

export type { Activations, BackendName, CpuInfo, GpuDevice, IsaName, JsonSchema, KvType, LogitsMode }

/** How a model is loaded. */
export interface LoadOptions {
  /** Worker threads of the engine; default: the physical cores. */
  readonly threads?: number
  /** Kernel variant; default: OPENELM_ISA, else the best the CPU and OS support. */
  readonly isa?: IsaName
  /**
   * How the CPU carries activations of prompts; default `auto`: precise. `int8` rounds them to 8 bits where there are kernels
   * for it, which is faster and costs accuracy (docs/performance.md); elsewhere it changes nothing, as `Model.activations`
   * says.
   */
  readonly activations?: Activations
  /**
   * What computes; default: OPENELM_BACKEND, else `auto`: a GPU for which a build is here and that works, else the CPU
   * (`Model.fallback` then says why, where a build is here). A GPU named here that does not work is an error.
   */
  readonly backend?: 'auto' | BackendName
  /** The last so many layers are the GPU's, the others the CPU's; default: OPENELM_GPU_LAYERS, else all. 0: the CPU alone. */
  readonly gpuLayers?: number
  /**
   * Whether the weights that the CPU computes with stay in the file, mapped; default true. false reads them into memory of
   * the process, in huge pages where the system has them: faster for large models on Linux in a virtual machine, at the
   * price of reading them first and of memory that no other process shares (docs/performance.md).
   */
  readonly mmap?: boolean
  readonly signal?: AbortSignal
}

export interface SyntheticOptions extends LoadOptions {
  /** Type of the matrices: f32, f16, bf16, q8_0, q4_0 …; default q8_0. */
  readonly type?: string
}

export interface SessionOptions {
  /** Context length in tokens; default: what the model was trained for, which is also the most. */
  readonly nCtx?: number
  /** Element type of the kv cache; default f16. */
  readonly kvType?: KvType
  /** Most tokens evaluated in one pass of prefill; default 512, on a GPU 2048. */
  readonly nBatch?: number
  /** Allows an nCtx the model was not trained for. Its text falls apart there; measurements do not mind. */
  readonly beyondTraining?: boolean
}

export interface BatchOptions {
  /** Sequences that run at a time, each with a kv cache of its own; default 4. */
  readonly slots?: number
  /** Context length of each in tokens; default: what the model was trained for, which is also the most. */
  readonly nCtx?: number
  /** Element type of the kv caches; default f16. */
  readonly kvType?: KvType
  /** As of a session: it decides which kernels a prompt meets, and with them the last bits of its logits; default 512, on a GPU 2048. */
  readonly nBatch?: number
  /** Most tokens evaluated in one pass, by all sequences together: how long a new prompt may delay others; default 256, on a GPU 1024. */
  readonly stepTokens?: number
  /** Most generations that may wait for a slot; default 64. */
  readonly maxWaiting?: number
}

export interface TokenizeOptions {
  /** Control pieces such as </s> in the text become control tokens; default false. */
  readonly special?: boolean
  /** Begin with BOS; default: as the model wants it (OpenELM does). */
  readonly bos?: boolean
}

export interface DetokenizeOptions {
  /** Control tokens appear as their piece; default false: as nothing. */
  readonly special?: boolean
}

export interface EvaluateOptions {
  /** Rows of logits returned: every id's, the last id's, or none; default last. */
  readonly logits?: LogitsMode
  readonly signal?: AbortSignal
}

/** Sampling parameters; every one has a default in sampling.ts (zod). */
export interface SamplingOptions {
  /** 0 is greedy. */
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly typicalP?: number
  readonly repeatPenalty?: number
  readonly frequencyPenalty?: number
  readonly presencePenalty?: number
  /** How many of the last tokens the penalties look at; -1 is the whole context. */
  readonly penaltyLastN?: number
  readonly seed?: number | bigint
  readonly logitBias?: Readonly<Record<number, number>>
}

export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to generate; default: until the context is full. */
  readonly maxTokens?: number
  /** Generation ends before the first of these strings would appear. */
  readonly stop?: readonly string[]
  /** Emit control tokens such as </s> as text. */
  readonly special?: boolean
  /** Go on after the end-of-text token. */
  readonly ignoreEos?: boolean
  /**
   * What the text must be, in GBNF, llama.cpp's grammar language. It always is when the generation ends by itself or by
   * maxTokens: near that limit the shortest completion is taken. Excludes `stop`, `format` and `schema`.
   */
  readonly grammar?: string
  /** `json`: the text is a JSON object. Default: any text. */
  readonly format?: 'text' | 'json'
  /** The text is JSON that is valid under this JSON Schema. */
  readonly schema?: JsonSchema
  /** Generation ends soon after it fires, with the finish reason `aborted`. */
  readonly signal?: AbortSignal
}

/** `context`: the context was full. `aborted`: the signal fired; what was generated stays valid. */
export type FinishReason = 'eos' | 'stop' | 'length' | 'context' | 'aborted'

export interface Timings {
  /** Prompt tokens evaluated now (those already in the cache are not counted). */
  readonly promptTokens: number
  readonly prefillSeconds: number
  readonly decodeSeconds: number
  readonly firstTokenSeconds: number
  readonly sampleSeconds: number
  /** Tokens a second; 0 when nothing was evaluated. */
  readonly prefillRate: number
  readonly decodeRate: number
}

export interface GenerateResult {
  readonly text: string
  readonly tokens: Int32Array
  readonly finishReason: FinishReason
  /** The stop string that ended generation. */
  readonly stopString: string | undefined
  readonly timings: Timings
}

/** Text pieces as they come (iterate at most once) and, once it has ended, the whole result. */
export interface Generation extends AsyncIterable<string> {
  readonly result: Promise<GenerateResult>
}

export type Role = 'system' | 'user' | 'assistant'

export interface ChatMessage {
  readonly role: Role
  readonly content: string
}
