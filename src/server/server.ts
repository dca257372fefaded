import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Batch } from '../engine/batch/batch.js'
import { withTemplate } from '../engine/chat/with-template.js'
import type { Model } from '../engine/model.js'
import { OpenElmError } from '../errors.js'
import { createApp } from './app.js'
import type { ServerContext, ServerOptions } from './context.js'
import { isLoopback } from './guard.js'
import { Metrics } from './metrics.js'
import { ActiveRequests } from './requests.js'

export type { ServerOptions }

const DEFAULT_TIME_LIMIT = 300
const DEFAULT_GRACE = 10
/** Connections beyond those that can be answered or wait: idle ones, health checks. */
const SPARE_CONNECTIONS = 64
/** Milliseconds a client has to send its headers, and its whole request. */
const HEADERS_TIME = 10_000
const REQUEST_TIME = 30_000

/** A running server. */
export interface ApiServer {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** Requests being answered. */
  readonly active: number
  /** Lets running requests finish within the grace period, ends the others, and closes every connection. */
  stop(): Promise<void>
}

/**
 * Serves a batch over HTTP in the manner of OpenAI's API. The batch and the model stay the caller's.
 * @param port 0 takes a free one
 * @throws OpenElmError E_USAGE for an address that others reach without an API key, or one that cannot be listened on
 */
export async function startServer(
  model: Model,
  batch: Batch,
  { host, port }: { readonly host: string; readonly port: number },
  options: ServerOptions = {},
): Promise<ApiServer> {
  if (!isLoopback(host) && options.apiKey === undefined) {
    throw new OpenElmError('E_USAGE', `Listening on ${host} needs an API key.`, {
      why: 'Other machines may reach that address.',
      next: 'Set OPENELM_API_KEY or give --api-key, or listen on 127.0.0.1.',
    })
  }
  const requests = new ActiveRequests(options.timeLimit ?? DEFAULT_TIME_LIMIT)
  const context: ServerContext = {
    model,
    batch,
    options,
    requests,
    chatModel: withTemplate(model, options.template),
    metrics: new Metrics(),
    started: Math.floor(Date.now() / 1000),
  }
  const app = createApp(context)
  const listener = getRequestListener((request, env) => app.fetch(request, env as never))
  const server = createServer(
    { headersTimeout: HEADERS_TIME, requestTimeout: REQUEST_TIME, connectionsCheckingInterval: 5000 },
    (incoming, outgoing) => void listener(incoming, outgoing),
  )
  server.maxConnections = batch.slots + batch.maxWaiting + SPARE_CONNECTIONS
  await listen(server, host, port)
  const address = server.address() as AddressInfo
  let stopped: Promise<void> | undefined
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    get active() {
      return requests.size
    },
    stop() {
      stopped ??= stop(server, requests, options.grace ?? DEFAULT_GRACE)
      return stopped
    },
  }
}

async function stop(server: Server, requests: ActiveRequests, grace: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  await requests.stop(grace)
  server.closeAllConnections()
  await closed
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(
        new OpenElmError('E_USAGE', `The server cannot listen on ${host}, port ${port}.`, {
          why: taken ? 'Another program listens there.' : `${error.message}.`,
          next: 'Choose another --port or --host.',
          cause: error,
        }),
      )
    })
    server.listen(port, host, resolve)
  })
}
