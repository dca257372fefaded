import type { Test } from 'tap'
import { Model } from '../../src/engine/model.js'
import type { BatchOptions } from '../../src/engine/types.js'
import { type ApiServer, type ServerOptions, startServer } from '../../src/server/server.js'
import { lexiconFile } from '../support/lexicon.js'

export interface TestServer extends ApiServer {
  readonly model: Model
  /** Requests that run and wait in the engine. */
  readonly load: () => { readonly running: number; readonly waiting: number }
  /** Sends a JSON body, or a text as it is. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>
}

/** A server on the small trained model and a free port, stopped when the test ends. */
export async function testServer(
  t: Test,
  options: ServerOptions = {},
  size: BatchOptions = {},
): Promise<TestServer> {
  const model = await Model.load(await lexiconFile(t), { threads: 1 })
  const batch = model.createBatch(size)
  const server = await startServer(model, batch, { host: '127.0.0.1', port: 0 }, { grace: 0, ...options })
  t.teardown(async () => {
    await server.stop()
    await model.dispose()
  })
  return {
    model,
    url: server.url,
    get active() {
      return server.active
    },
    stop: () => server.stop(),
    load: () => ({ running: batch.running, waiting: batch.waiting }),
    post: (path, body, init = {}) =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
      }),
  }
}

/** Resolves once a condition holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
