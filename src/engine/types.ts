import type { CpuInfo, IsaName, KvType } from '../native/binding.js'

export type { CpuInfo, IsaName, KvType }

/** How a model is loaded. */
export interface LoadOptions {
  /** Worker threads of the engine; default: the physical cores. */
  readonly threads?: number
  /** Kernel variant; default: OPENELM_ISA, else the best the CPU and OS support. */
  readonly isa?: IsaName
}

export interface SessionOptions {
  /** Context length in tokens; default: the model's max_context_length. */
  readonly nCtx?: number
  /** Element type of the kv cache; default f16. */
  readonly kvType?: KvType
  /** Most tokens evaluated in one pass of prefill; default 512. */
  readonly nBatch?: number
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
