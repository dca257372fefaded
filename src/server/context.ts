import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Batch } from '../engine/batch/batch.js'
import type { ChatTemplateModel } from '../engine/chat/template.js'
import type { Model } from '../engine/model.js'
import type { GenerateOptions } from '../engine/types.js'
import type { Metrics } from './metrics.js'
import type { ActiveRequests } from './requests.js'

export interface ServerOptions {
  /** Clients must send it as a bearer token, where there is one. */
  readonly apiKey?: string
  /** Jinja source instead of the model's own chat template. */
  readonly template?: string
  /** What requests leave open; where this does too, the model's defaults hold. */
  readonly defaults?: GenerateOptions
  /** Most tokens a request may ask for, and what one that does not ask gets; default: what fits the context. */
  readonly maxTokens?: number
  /** Largest body in bytes; default 1 MiB. */
  readonly maxBody?: number
  /** Seconds a request may take, waiting included; default 300. */
  readonly timeLimit?: number
  /** Seconds that running requests get to finish when the server stops; default 10. */
  readonly grace?: number
  /** Origin whose pages may call the server from a browser, or `*`; default: none. */
  readonly cors?: string
  /** Where failures that are not a client's are noted; default: nowhere. */
  readonly log?: (line: string) => void
}

/** What answering needs. */
export interface ServerContext {
  readonly model: Model
  readonly batch: Batch
  readonly chatModel: ChatTemplateModel
  readonly options: ServerOptions
  readonly requests: ActiveRequests
  readonly metrics: Metrics
  /** Seconds since the epoch. */
  readonly started: number
}

export type HttpContext = Context<{ Bindings: HttpBindings }>
