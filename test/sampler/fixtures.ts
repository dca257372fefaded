import type { NativeSampling } from '../../src/native/binding.js'
import { loadNative } from '../../src/native/load.js'

const { sample, sampleDraws } = loadNative()

/** Sampling from the model's own distribution. */
export const neutral: NativeSampling = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  typicalP: 1,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  penaltyLastN: -1,
  seed: 42n,
  logitBias: [],
}

/** Logits whose softmax is these probabilities. */
export const logitsOf = (probabilities: readonly number[]): Float32Array =>
  Float32Array.from(probabilities, Math.log)

interface Context {
  readonly history?: readonly number[]
  readonly draws?: number
}

/** One token. */
export const pick = (
  logits: Float32Array,
  options: Partial<NativeSampling> = {},
  history: readonly number[] = [],
) => sample(logits, Int32Array.from(history), { ...neutral, ...options })

/** Successive tokens of one sampler. */
export const drawn = (logits: Float32Array, options: Partial<NativeSampling> = {}, context: Context = {}) =>
  sampleDraws(
    logits,
    Int32Array.from(context.history ?? []),
    { ...neutral, ...options },
    context.draws ?? 2000,
  )

/** The tokens that come up at all. */
export const support = (logits: Float32Array, options: Partial<NativeSampling> = {}, context: Context = {}) =>
  [...new Set(drawn(logits, options, context))].sort((a, b) => a - b)

/**
 * Pearson's statistic of draws against probabilities; its mean is the number of tokens - 1. Tokens of probability 0
 * must not come up.
 */
export function chiSquare(tokens: Int32Array, probabilities: readonly number[]): number {
  const counts = probabilities.map(() => 0)
  for (const token of tokens) counts[token] = (counts[token] ?? 0) + 1
  return counts.reduce((sum, count, token) => {
    const expected = (probabilities[token] as number) * tokens.length
    if (expected === 0) return count === 0 ? sum : Number.POSITIVE_INFINITY
    return sum + (count - expected) ** 2 / expected
  }, 0)
}
