import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import { ApiError, toApiError } from './api-error.js'
import type { ServerContext } from './context.js'
import { chatCompletions, completions, listModels, showModel } from './endpoints.js'
import { localHostOnly, requireKey } from './guard.js'

const DEFAULT_MAX_BODY = 2 ** 20

/** The routes of the server, without a socket. */
export function createApp(context: ServerContext): Hono<{ Bindings: HttpBindings }> {
  const { metrics, options, requests, batch } = context
  const app = new Hono<{ Bindings: HttpBindings }>()

  app.use(async (http, next) => {
    const start = performance.now()
    await next()
    const path = http.req.path
    const answers = path.endsWith('/completions') && http.req.method === 'POST'
    metrics.requests.add(1, { endpoint: knownPath(path), status: String(http.res.status) })
    if (answers)
      http.env.outgoing.once('close', () => metrics.seconds.observe((performance.now() - start) / 1000))
  })
  if (options.cors !== undefined) app.use(cors({ origin: options.cors, maxAge: 600 }))
  if (options.apiKey === undefined) app.use(localHostOnly)

  app.get('/health', () =>
    Response.json(
      { status: requests.stopping ? 'stopping' : 'ok' },
      { status: requests.stopping ? 503 : 200 },
    ),
  )
  if (options.apiKey !== undefined) app.use(requireKey(options.apiKey))
  app.get('/metrics', (http) =>
    http.text(
      metrics.render({
        openelm_slots: ['Sequences that can run at a time.', batch.slots],
        openelm_running: ['Sequences that run.', batch.running],
        openelm_waiting: ['Requests that wait for a slot.', batch.waiting],
        openelm_kv_cache_bytes: ['Size of the kv caches.', batch.kvBytes],
        process_resident_memory_bytes: ['Memory of the process.', process.memoryUsage.rss()],
      }),
      200,
      { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    ),
  )
  const maxSize = options.maxBody ?? DEFAULT_MAX_BODY
  app.use(
    bodyLimit({
      maxSize,
      onError: () => {
        throw new ApiError(413, `The body is larger than ${maxSize} bytes.`, {
          code: 'body_too_large',
          // What is left of it is not read.
          headers: { connection: 'close' },
        })
      },
    }),
  )
  app.get('/v1/models', () => listModels(context))
  app.get('/v1/models/:name', (http) => showModel(context, http.req.param('name')))
  app.post('/v1/chat/completions', (http) => chatCompletions(http, context))
  app.post('/v1/completions', (http) => completions(http, context))

  app.notFound((http) =>
    new ApiError(404, `There is no ${http.req.method} ${http.req.path} here.`, {
      code: 'not_found',
    }).toResponse(),
  )
  app.onError((error, http) => {
    const { incoming } = http.env
    const left = incoming.destroyed && !incoming.complete
    const known = left ? new ApiError(400, 'The request ended before its body did.') : toApiError(error)
    if (known.status === 500) options.log?.(`${error.stack ?? error}`)
    return known.toResponse()
  })
  return app
}

/** A label for a path, so that made-up paths do not fill the memory. */
function knownPath(path: string): string {
  const known = ['/health', '/metrics', '/v1/models', '/v1/chat/completions', '/v1/completions']
  return known.includes(path) ? path : path.startsWith('/v1/models/') ? '/v1/models/NAME' : 'other'
}
