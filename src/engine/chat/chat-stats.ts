import type { GenerateResult, Timings } from '../types.js'

/** Sums over all replies since the conversation began or was cleared. */
export interface ChatStats {
  readonly replies: number
  readonly promptTokens: number
  /** Prompt tokens found in the kv cache. */
  readonly reusedTokens: number
  /** Prompt tokens that had to be evaluated. */
  readonly evaluatedTokens: number
  readonly generatedTokens: number
  readonly prefillSeconds: number
  readonly decodeSeconds: number
  /** Of the last reply. */
  readonly last: Timings | undefined
}

export const NO_STATS: ChatStats = {
  replies: 0,
  promptTokens: 0,
  reusedTokens: 0,
  evaluatedTokens: 0,
  generatedTokens: 0,
  prefillSeconds: 0,
  decodeSeconds: 0,
  last: undefined,
}

/** The sums with one more reply. */
export function withReply(
  stats: ChatStats,
  { timings, tokens }: GenerateResult,
  promptTokens: number,
  reusedTokens: number,
): ChatStats {
  return {
    replies: stats.replies + 1,
    promptTokens: stats.promptTokens + promptTokens,
    reusedTokens: stats.reusedTokens + reusedTokens,
    evaluatedTokens: stats.evaluatedTokens + timings.promptTokens,
    generatedTokens: stats.generatedTokens + tokens.length,
    prefillSeconds: stats.prefillSeconds + timings.prefillSeconds,
    decodeSeconds: stats.decodeSeconds + timings.decodeSeconds,
    last: timings,
  }
}
