import * as z from 'zod'
import { OpenElmError } from '../errors.js'
import type { NativeGenerateOptions, NativeTokenizer } from '../native/binding.js'
import { compileGrammar, grammarOf, grammarSchemas } from './grammar.js'
import { noTokenizer } from './ids.js'
import { maxTokensSchema, stopSchema } from './options.js'
import { resolveSampling, type SamplingDefaults } from './sampling.js'
import type { GenerateOptions } from './types.js'
import { validate } from './validate.js'

export const signalSchema = z.instanceof(AbortSignal, { error: 'an AbortSignal' }).optional()
const booleanSchema = z.boolean({ error: 'true or false' }).optional()

const generateSchema = z.looseObject({
  maxTokens: maxTokensSchema.optional(),
  stop: z
    .array(stopSchema, { error: 'an array of texts' })
    .max(64, { error: 'at most 64 texts' })
    .default([]),
  special: booleanSchema,
  ignoreEos: booleanSchema,
  signal: signalSchema,
  ...grammarSchemas,
})

/** What generating needs to know of a model. */
export interface GenerateModel {
  readonly vocabSize: number
  readonly eos: number
  readonly samplingDefaults: SamplingDefaults
  readonly nativeTokenizer: NativeTokenizer | undefined
}

/** Options of `generate`, checked and completed. */
export interface GenerateRequest {
  readonly tokenizer: NativeTokenizer
  readonly maxTokens: number | undefined
  readonly signal: AbortSignal | undefined
  /** The options in the engine's terms, where `room` tokens can be generated. */
  native(room: number): NativeGenerateOptions
}

/** @throws OpenElmError E_USAGE, E_TOKENIZER, E_GRAMMAR */
export function readGenerateOptions(model: GenerateModel, options: GenerateOptions): GenerateRequest {
  const { maxTokens, stop, special, ignoreEos, signal, grammar, format, schema, ...samplingOptions } =
    validate(generateSchema, options, 'generate options')
  const tokenizer = model.nativeTokenizer
  if (!tokenizer) throw noTokenizer('generate text')
  const sampling = resolveSampling(samplingOptions, model.samplingDefaults, model.vocabSize)
  const gbnf = grammarOf({ grammar, format, schema, stop })
  const compiled = gbnf === undefined ? undefined : compileGrammar(tokenizer, gbnf)
  return {
    tokenizer,
    maxTokens,
    signal,
    native: (room) => ({
      sampling,
      maxTokens: Math.min(maxTokens ?? room, room),
      stopTokens: ignoreEos || model.eos < 0 ? [] : [model.eos],
      stopStrings: stop,
      special: special ?? false,
      grammar: compiled,
    }),
  }
}

/** The error for a prompt of `length` tokens where `used` of `nCtx` positions are taken. */
export function contextFull(length: number, nCtx: number, used = 0): OpenElmError {
  const taken = used > 0 ? `, of which ${used} are in use` : ''
  return new OpenElmError(
    'E_CONTEXT_FULL',
    `The ${length} tokens do not fit into the context of ${nCtx}${taken}.`,
    {
      why: 'A model sees a limited number of tokens at once.',
      next: 'Shorten the text or raise the context length.',
    },
  )
}
