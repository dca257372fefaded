import { randomUUID } from 'node:crypto'
import { withDefaults } from '../engine/request-fields.js'
import type { GenerateOptions, GenerateResult, Generation } from '../engine/types.js'
import { ApiError, toApiError } from './api-error.js'
import type { HttpContext, ServerContext } from './context.js'
import type { ActiveRequest } from './requests.js'

/** The parts of an answer that differ between endpoints. */
export interface AnswerForm {
  /** Beginning of the answer's id. */
  readonly idPrefix: string
  readonly object: string
  readonly chunkObject: string
  /** The choice of a whole answer. */
  choice(text: string, finishReason: string): object
  /** The choice that opens a stream, where there is one. */
  first(): object | undefined
  /** The choice of a piece, or the one at the end, which has a reason and no text. */
  delta(text: string, finishReason: string | null): object
}

export interface AnswerRequest {
  readonly ids: Int32Array
  readonly options: GenerateOptions
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly form: AnswerForm
}

/** OpenAI knows two ends: the model's or the client's, and running out of room. */
const finishReasonOf = ({ finishReason }: GenerateResult) =>
  finishReason === 'eos' || finishReason === 'stop' ? 'stop' : 'length'

/** Prompt tokens that were in a cache. An answer of no tokens evaluates nothing. */
const cachedOf = (ids: Int32Array, { timings }: GenerateResult) =>
  timings.promptTokens === 0 ? 0 : ids.length - timings.promptTokens

const usageOf = (ids: Int32Array, result: GenerateResult) => ({
  prompt_tokens: ids.length,
  completion_tokens: result.tokens.length,
  total_tokens: ids.length + result.tokens.length,
  prompt_tokens_details: { cached_tokens: cachedOf(ids, result) },
})

/**
 * Generates and answers, as a whole or as server-sent events.
 * @throws ApiError, OpenElmError before anything is sent
 */
export async function answer(
  http: HttpContext,
  context: ServerContext,
  asked: AnswerRequest,
): Promise<Response> {
  const { batch, model, options } = context
  const limit = options.maxTokens
  if (limit !== undefined && (asked.options.maxTokens ?? 0) > limit) {
    throw new ApiError(
      400,
      `Expected at most ${limit} for max_tokens but received ${asked.options.maxTokens}.`,
      {
        param: 'max_tokens',
        code: 'invalid_value',
      },
    )
  }
  const request = context.requests.open(http.env.outgoing)
  const head = {
    id: `${asked.form.idPrefix}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: model.name,
  }
  let generation: Generation
  try {
    generation = batch.generate(asked.ids, {
      ...withDefaults(asked.options, {
        ...options.defaults,
        ...(limit === undefined ? {} : { maxTokens: limit }),
      }),
      signal: request.signal,
    })
  } catch (error) {
    request.close()
    throw error
  }
  if (asked.stream) return streamed(context, asked, request, generation, head)
  // Noted until the client has it, so that a server that stops does not cut it off.
  void request.sent().then(() => request.close())
  const result = await finished(context, asked, request, generation)
  return Response.json({
    ...head,
    object: asked.form.object,
    choices: [asked.form.choice(result.text, finishReasonOf(result))],
    usage: usageOf(asked.ids, result),
  })
}

/** The result of a generation that nothing ended early. @throws ApiError saying what did */
async function finished(
  { metrics }: ServerContext,
  { ids }: AnswerRequest,
  request: ActiveRequest,
  generation: Generation,
): Promise<GenerateResult> {
  const result = await generation.result
  const { tokens, timings } = result
  metrics.generatedTokens.add(tokens.length)
  if (tokens.length > 0) metrics.firstToken.observe(timings.firstTokenSeconds)
  if (result.finishReason === 'aborted') {
    throw request.error ?? new ApiError(503, 'The server is stopping.', { code: 'server_stopping' })
  }
  metrics.promptTokens.add(ids.length)
  metrics.cachedTokens.add(cachedOf(ids, result))
  return result
}

/** The answer as server-sent events, ended by `[DONE]`, or by an error where it ends early. */
function streamed(
  context: ServerContext,
  asked: AnswerRequest,
  request: ActiveRequest,
  generation: Generation,
  head: object,
): Response {
  const { form, includeUsage } = asked
  const encoder = new TextEncoder()
  let open = true
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // Never waits for the client: what an answer can be is bounded by the context.
      const send = (data: object | string) => {
        if (!open) return
        const text = typeof data === 'string' ? data : JSON.stringify(data)
        controller.enqueue(encoder.encode(`data: ${text}\n\n`))
      }
      const chunk = (choices: readonly object[], usage: object | null = null) =>
        send({ ...head, object: form.chunkObject, choices, ...(includeUsage ? { usage } : {}) })
      const work = async () => {
        const first = form.first()
        if (first) chunk([first])
        for await (const text of generation) chunk([form.delta(text, null)])
        const result = await finished(context, asked, request, generation)
        chunk([form.delta('', finishReasonOf(result))])
        if (includeUsage) chunk([], usageOf(asked.ids, result))
        send('[DONE]')
      }
      void work()
        .catch((error: unknown) => send(toApiError(error).body))
        .then(() => open && controller.close())
        .then(() => request.sent())
        .finally(() => request.close())
    },
    cancel() {
      open = false
    },
  })
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  })
}
