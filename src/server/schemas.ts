import * as z from 'zod'
import { generateFields, messagesField } from '../engine/request-fields.js'
import { show } from '../engine/validate.js'
import { ApiError } from './api-error.js'

const flag = z.boolean({ error: 'true or false' }).optional()
const only = <const T extends z.core.util.Literal>(value: T, error: string) =>
  z.literal(value, { error }).optional()

/** Fields of both endpoints. Those that a server could not honour are there with the one value that asks for nothing. */
const common = {
  ...generateFields,
  model: z.string({ error: 'the name of the model' }).optional(),
  stream: flag,
  stream_options: z.strictObject({ include_usage: flag }, { error: 'an object of include_usage' }).optional(),
  n: only(1, '1, as one request gets one answer,'),
  // Names a client's own user; nothing here depends on it.
  user: z.string({ error: 'text' }).optional(),
} as const

export const chatSchema = z.object({
  ...common,
  messages: messagesField,
  max_completion_tokens: generateFields.max_tokens,
  logprobs: only(false, 'false, as log probabilities are not reported,'),
})

const promptError = 'text, or an array of token ids'

export const completionSchema = z.object({
  ...common,
  prompt: z.union(
    [
      z.string(),
      z
        .array(z.string())
        .length(1)
        .transform(([text]) => text as string),
      z.array(z.int().min(0)).min(1),
    ],
    { error: promptError },
  ),
  best_of: only(1, '1, as one request gets one answer,'),
  echo: only(false, 'false, as the prompt is not repeated,'),
})

export type ChatRequest = z.output<typeof chatSchema>
export type CompletionRequest = z.output<typeof completionSchema>

/**
 * Checks a request's body. null counts as not given, as clients send it.
 * @throws ApiError 400 naming the field: a field not known here is refused, never ignored
 */
export function parseBody<S extends z.ZodObject>(schema: S, body: unknown): z.output<S> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError(400, `Expected a JSON object for the body but received ${show(body)}.`)
  }
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(schema.shape, name))
  if (unknown !== undefined) {
    throw new ApiError(400, `The parameter ${show(unknown)} is not supported by this server.`, {
      param: unknown,
      code: 'unsupported_parameter',
    })
  }
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const path = issue?.path ?? []
  const param = path.join('.')
  const value = path.reduce<unknown>(
    (current, key) => (current as Record<PropertyKey, unknown> | undefined)?.[key],
    given,
  )
  if (value === undefined) {
    throw new ApiError(400, `The parameter "${param}" is missing.`, { param, code: 'missing_parameter' })
  }
  throw new ApiError(400, `Expected ${issue?.message} for ${param} but received ${show(value)}.`, {
    param,
    code: 'invalid_value',
  })
}
