import * as z from 'zod'
import { integer } from './sampling.js'

export const MAX_THREADS = 256
export const MAX_CONTEXT = 1 << 20
export const MAX_BATCH = 8192

/** More layers than any model has. */
export const MAX_GPU_LAYERS = 4096

export const ISA_NAMES = ['reference', 'avx2', 'avx512', 'amx', 'neon'] as const
export const ACTIVATIONS = ['auto', 'int8'] as const
export const KV_TYPES = ['f32', 'f16', 'q8_0'] as const

export const BACKEND_NAMES = ['auto', 'cpu', 'cuda', 'metal'] as const

const oneOf = <const T extends readonly [string, ...string[]]>(names: T) =>
  z.enum(names, { error: `one of ${names.join(', ')}` })

/** How a model is loaded and a session sized; shared by the library and the command line. */
export const threadsSchema = integer(1, MAX_THREADS)
export const isaSchema = oneOf(ISA_NAMES)
export const activationsSchema = oneOf(ACTIVATIONS)
/** `host`, threads that play a GPU, is for tests: builds that users have are without it. */
export const backendSchema = z.enum([...BACKEND_NAMES, 'host'], {
  error: `one of ${BACKEND_NAMES.join(', ')}`,
})
export const gpuLayersSchema = integer(0, MAX_GPU_LAYERS)
export const kvTypeSchema = oneOf(KV_TYPES)
export const nCtxSchema = integer(1, MAX_CONTEXT)
export const nBatchSchema = integer(1, MAX_BATCH)
export const maxTokensSchema = integer(0, 2 ** 31 - 1)

/** A stop string can match nothing if it is empty. */
export const stopSchema = z.string({ error: 'text' }).min(1, { error: 'text of at least one character' })
