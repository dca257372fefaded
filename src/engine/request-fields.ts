import * as z from 'zod'
import { gbnfSchema, jsonSchemaSchema } from './grammar.js'
import { maxTokensSchema, stopSchema } from './options.js'
import { samplingSchemas } from './sampling.js'
import type { ChatMessage, GenerateOptions } from './types.js'

const formatError =
  '{"type": "text"}, {"type": "json_object"} or {"type": "json_schema", "json_schema": {"schema": {…}}}'

/** OpenAI's way to ask for JSON. `strict` changes nothing: a schema is always kept to. */
const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object') }),
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject({
        name: z.string().optional(),
        description: z.string().optional(),
        strict: z.boolean().nullable().optional(),
        schema: jsonSchemaSchema,
      }),
    }),
  ],
  { error: formatError },
)

/** How one text is generated, under the names that requests in JSON use (OpenAI's, and llama.cpp's where it has none). */
export const generateFields = {
  temperature: samplingSchemas.temperature.optional(),
  top_k: samplingSchemas.topK.optional(),
  top_p: samplingSchemas.topP.optional(),
  min_p: samplingSchemas.minP.optional(),
  typical_p: samplingSchemas.typicalP.optional(),
  repeat_penalty: samplingSchemas.repeatPenalty.optional(),
  repeat_last_n: samplingSchemas.penaltyLastN.optional(),
  frequency_penalty: samplingSchemas.frequencyPenalty.optional(),
  presence_penalty: samplingSchemas.presencePenalty.optional(),
  logit_bias: samplingSchemas.logitBias.optional(),
  seed: samplingSchemas.seed.optional(),
  max_tokens: maxTokensSchema.optional(),
  stop: z
    .union([stopSchema.transform((text) => [text]), z.array(stopSchema).max(64)], {
      error: 'text, or an array of at most 64 texts of at least one character each',
    })
    .optional(),
  ignore_eos: z.boolean({ error: 'true or false' }).optional(),
  grammar: gbnfSchema.optional(),
  json_schema: jsonSchemaSchema.optional(),
  response_format: responseFormat.optional(),
} as const

const fieldsSchema = z.object(generateFields)

/** The fields in the names of the library, leaving out what was not given. */
export function toGenerateOptions(fields: z.output<typeof fieldsSchema>): GenerateOptions {
  const format = fields.response_format
  const named = {
    temperature: fields.temperature,
    topK: fields.top_k,
    topP: fields.top_p,
    minP: fields.min_p,
    typicalP: fields.typical_p,
    repeatPenalty: fields.repeat_penalty,
    penaltyLastN: fields.repeat_last_n,
    frequencyPenalty: fields.frequency_penalty,
    presencePenalty: fields.presence_penalty,
    logitBias: fields.logit_bias,
    seed: fields.seed,
    maxTokens: fields.max_tokens,
    stop: fields.stop,
    ignoreEos: fields.ignore_eos,
    grammar: fields.grammar,
    format: format && (format.type === 'text' ? 'text' : 'json'),
    schema: format?.type === 'json_schema' ? format.json_schema.schema : fields.json_schema,
  }
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
}

const contentError = 'text, or an array of parts such as {"type": "text", "text": "…"}'
const content = z.union(
  [
    z.string(),
    z
      .array(z.strictObject({ type: z.literal('text'), text: z.string() }))
      .transform((parts) => parts.map(({ text }) => text).join('')),
  ],
  { error: contentError },
)

const roleError = 'one of system, developer, user, assistant'

/**
 * Options with what they leave open from `defaults`. What a text must be is one thing: who says one of the options that
 * say it takes none of the others.
 */
export function withDefaults(options: GenerateOptions, defaults: GenerateOptions): GenerateOptions {
  const { grammar, format, schema, ...others } = defaults
  const own = options.grammar ?? options.format ?? options.schema
  return own === undefined ? { ...defaults, ...options } : { ...others, ...options }
}

/** Messages of a conversation; `developer` is OpenAI's newer name of `system`. */
export const messagesField = z
  .array(
    z.strictObject(
      {
        role: z
          .enum(['system', 'developer', 'user', 'assistant'], { error: roleError })
          .transform((role): ChatMessage['role'] => (role === 'developer' ? 'system' : role)),
        content,
      },
      {
        error: (issue) =>
          issue.code === 'unrecognized_keys'
            ? `only role and content, not ${issue.keys.join(', ')},`
            : 'an object of role and content',
      },
    ),
    { error: 'an array of messages' },
  )
  .min(1, { error: 'at least one message' })
