import * as z from 'zod'
import { kvTypeSchema, nBatchSchema } from '../options.js'
import { integer } from '../sampling.js'

export const MAX_SLOTS = 64
export const MAX_WAITING = 65536

export const slotsSchema = integer(1, MAX_SLOTS)
export const maxWaitingSchema = integer(0, MAX_WAITING)

export const batchSchema = z.strictObject({
  slots: slotsSchema.default(4),
  nCtx: z.int({ error: 'an integer' }).optional(),
  kvType: kvTypeSchema.default('f16'),
  nBatch: nBatchSchema.optional(),
  stepTokens: nBatchSchema.optional(),
  maxWaiting: maxWaitingSchema.default(64),
})
