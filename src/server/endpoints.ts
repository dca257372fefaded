import { renderChat } from '../engine/chat/template.js'
import { toGenerateOptions } from '../engine/request-fields.js'
import { type AnswerForm, type AnswerRequest, answer } from './answer.js'
import { ApiError } from './api-error.js'
import type { HttpContext, ServerContext } from './context.js'
import {
  type ChatRequest,
  type CompletionRequest,
  chatSchema,
  completionSchema,
  parseBody,
} from './schemas.js'

const CHAT_FORM: AnswerForm = {
  idPrefix: 'chatcmpl',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  choice: (content, finish_reason) => ({
    index: 0,
    message: { role: 'assistant', content, refusal: null },
    logprobs: null,
    finish_reason,
  }),
  first: () => ({ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }),
  delta: (content, finish_reason) => ({
    index: 0,
    delta: finish_reason === null ? { content } : {},
    finish_reason,
  }),
}

const COMPLETION_FORM: AnswerForm = {
  idPrefix: 'cmpl',
  object: 'text_completion',
  chunkObject: 'text_completion',
  choice: (text, finish_reason) => ({ index: 0, text, logprobs: null, finish_reason }),
  first: () => undefined,
  delta: (text, finish_reason) => ({ index: 0, text, logprobs: null, finish_reason }),
}

/** POST /v1/chat/completions */
export async function chatCompletions(http: HttpContext, context: ServerContext): Promise<Response> {
  const request = parseBody(chatSchema, await readJson(http))
  const { messages, max_completion_tokens, max_tokens, ...fields } = request
  const most = max_completion_tokens ?? max_tokens
  if (max_tokens !== undefined && most !== max_tokens) {
    throw new ApiError(400, 'max_tokens and max_completion_tokens ask for different lengths.', {
      param: 'max_completion_tokens',
      code: 'invalid_value',
    })
  }
  checkRequest(context, request)
  return answer(http, context, {
    ...common(request),
    ids: renderChat(context.chatModel, messages),
    options: toGenerateOptions({ ...fields, max_tokens: most }),
    form: CHAT_FORM,
  })
}

/** POST /v1/completions */
export async function completions(http: HttpContext, context: ServerContext): Promise<Response> {
  const request = parseBody(completionSchema, await readJson(http))
  checkRequest(context, request)
  const { prompt } = request
  return answer(http, context, {
    ...common(request),
    ids: typeof prompt === 'string' ? context.model.encodePrompt(prompt, true) : Int32Array.from(prompt),
    options: toGenerateOptions(request),
    form: COMPLETION_FORM,
  })
}

/** GET /v1/models */
export function listModels({ model, started }: ServerContext): Response {
  const data = [{ id: model.name, object: 'model', created: started, owned_by: 'openelm' }]
  return Response.json({ object: 'list', data })
}

/** GET /v1/models/NAME */
export function showModel({ model, started }: ServerContext, name: string): Response {
  if (name !== model.name) throw unknownModel(name, model.name)
  return Response.json({ id: model.name, object: 'model', created: started, owned_by: 'openelm' })
}

const common = ({
  stream,
  stream_options,
}: ChatRequest | CompletionRequest): Pick<AnswerRequest, 'stream' | 'includeUsage'> => ({
  stream: stream ?? false,
  includeUsage: stream_options?.include_usage ?? false,
})

/** What a schema cannot check. */
function checkRequest({ model }: ServerContext, request: ChatRequest | CompletionRequest): void {
  if (request.model !== undefined && request.model !== model.name)
    throw unknownModel(request.model, model.name)
  if (request.stream_options && !request.stream) {
    throw new ApiError(400, 'stream_options is for requests with "stream": true.', {
      param: 'stream_options',
      code: 'invalid_value',
    })
  }
}

const unknownModel = (name: string, served: string) =>
  new ApiError(404, `There is no model "${name}" here; this server has "${served}".`, {
    param: 'model',
    code: 'model_not_found',
  })

async function readJson(http: HttpContext): Promise<unknown> {
  const type = http.req.header('content-type') ?? ''
  // A page of another site can send a browser's plain forms here, but not JSON unless CORS lets it.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new ApiError(415, `Expected the content type application/json but received "${type}".`, {
      code: 'invalid_content_type',
    })
  }
  const text = await http.req.text()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ApiError(400, `The body is not valid JSON: ${(error as Error).message}`, {
      code: 'invalid_json',
    })
  }
}
