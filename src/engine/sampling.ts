import * as z from 'zod'
import type { NativeSampling } from '../native/binding.js'
import type { SamplingOptions } from './types.js'
import { validate } from './validate.js'

/** An integer in a range, with its error in words. */
export const integer = (min: number, max: number) => {
  const error = `an integer between ${min} and ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** A finite number in a range, with its error in words. */
export const number = (min: number, max: number) => {
  const error = `a number between ${min} and ${max}`
  return z.number({ error }).min(min, { error }).max(max, { error })
}

const MAX_SEED = 2n ** 64n - 1n
const seedError = 'an integer between 0 and 2^64 - 1'

/** One schema per sampling parameter; the command line parses its text and then checks it with these. */
export const samplingSchemas = {
  temperature: number(0, 100),
  topK: integer(0, 2 ** 31 - 1),
  topP: number(0, 1),
  minP: number(0, 1),
  typicalP: number(0, 1),
  repeatPenalty: number(0.01, 100),
  frequencyPenalty: number(-100, 100),
  presencePenalty: number(-100, 100),
  penaltyLastN: integer(-1, 2 ** 31 - 1),
  seed: z.union(
    [
      z.int({ error: seedError }).min(0, { error: seedError }).transform(BigInt),
      z.bigint({ error: seedError }).min(0n, { error: seedError }).max(MAX_SEED, { error: seedError }),
    ],
    { error: seedError },
  ),
  logitBias: z.record(
    z.string().regex(/^\d+$/, { error: 'token ids as keys' }),
    z.number({ error: 'a finite number or -Infinity' }).or(z.literal(-Infinity)),
    { error: 'an object of token id to bias' },
  ),
} as const

const samplingSchema = z.strictObject(samplingSchemas).partial()

/** Sampling parameters that a model file may carry, or that a caller fixes for all its generations. */
export type SamplingDefaults = Required<Omit<SamplingOptions, 'seed' | 'logitBias'>>

/**
 * What generation does unless told otherwise. Apple's own script for OpenELM decodes greedily and recommends a
 * repetition penalty of 1.2, without which the small models soon repeat themselves; the filters are off because
 * they change nothing at temperature 0 and a user who raises it should get what he asked for.
 * A model file may carry other values (`general.sampling.*`), as the shipped one does.
 */
export const FAMILY_SAMPLING: SamplingDefaults = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  typicalP: 1,
  repeatPenalty: 1.2,
  frequencyPenalty: 0,
  presencePenalty: 0,
  penaltyLastN: 256,
}

/** A seed nobody chose. */
export function randomSeed(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0] as bigint
}

/**
 * Checks sampling options and completes them from the model's defaults.
 * @throws OpenElmError E_USAGE for a value out of range, an unknown name, or a bias of a token the vocabulary lacks.
 */
export function resolveSampling(
  options: SamplingOptions,
  defaults: SamplingDefaults,
  vocabSize: number,
): NativeSampling {
  const { seed, logitBias, ...given } = validate(samplingSchema, options, 'sampling options')
  const token = integer(0, vocabSize - 1)
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return {
    ...defaults,
    ...chosen,
    seed: seed ?? randomSeed(),
    logitBias: Object.entries(logitBias ?? {}).map(([id, bias]) => ({
      token: validate(token, Number(id), 'logitBias (token id)'),
      bias,
    })),
  }
}
