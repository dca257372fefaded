import * as z from 'zod'
import { OpenElmError } from '../errors.js'
import { nativeConfig } from '../model/config.js'
import type { NativeBinding, NativeFileCopy, NativeModel, NativeTokenizer } from '../native/binding.js'
import { type Backend, chooseBackend, cpuBackend } from './backend.js'
import { COPY_MEMORY_NEXT, copyWeights } from './copy-weights.js'
import { resolveBackend, resolveGpuLayers, resolveIsa, resolveThreads } from './environment.js'
import type { ModelSource } from './model-source.js'
import { abortedError, fromNative, GPU_MEMORY_NEXT } from './native-error.js'
import { activationsSchema, backendSchema, gpuLayersSchema, isaSchema, threadsSchema } from './options.js'
import type { LoadOptions } from './types.js'
import { validate } from './validate.js'

const loadSchema = z.strictObject({
  threads: threadsSchema.optional(),
  isa: isaSchema.optional(),
  activations: activationsSchema.optional(),
  backend: backendSchema.optional(),
  gpuLayers: gpuLayersSchema.optional(),
  mmap: z.boolean({ error: 'true or false' }).default(true),
  signal: z.instanceof(AbortSignal, { error: 'an AbortSignal' }).optional(),
})

/** A model and all that belongs to it, made by one build of the addon. */
export interface OpenedModel {
  readonly source: ModelSource
  readonly native: NativeModel
  readonly tokenizer: NativeTokenizer | undefined
  /** Why the CPU computes where a GPU was to be expected, or the GPU without chains. */
  readonly fallback: string | undefined
  /** Whether weights are used from their mapped file. */
  readonly mmap: boolean
}

/**
 * Chooses what computes and makes the model there. A GPU that nobody named and on which the model cannot be put, for
 * want of memory say, gives way to the CPU.
 * @param open where the model comes from, given the addon that will compute it, and whether all of a mapped file
 *   will be needed soon
 * @param what says what is done, for errors: "Loading x.gguf"
 * @throws OpenElmError as Model.load does
 */
export async function openModel(
  open: (addon: NativeBinding, readAhead: boolean) => ModelSource,
  options: LoadOptions,
  what: string,
): Promise<OpenedModel> {
  const given = validate(loadSchema, options, 'load options')
  const { signal } = given
  const gpuLayers = resolveGpuLayers(given.gpuLayers)
  const stopIfAborted = () => {
    if (signal?.aborted) throw abortedError(`${what} was aborted.`, signal)
  }
  const make = async ({ addon, name, chains, fallback }: Backend): Promise<OpenedModel> => {
    const cpu = addon.cpu()
    const native = {
      threads: resolveThreads(given.threads, cpu),
      isa: resolveIsa(given.isa, cpu),
      activations: given.activations ?? 'auto',
    }
    const onlySome = gpuLayers === undefined ? {} : { gpuLayers }
    const gpu = name === 'cpu' ? {} : { backend: name, chains, ...onlySome }
    const read = { what, threads: native.threads, signal }
    let copy: NativeFileCopy | undefined
    try {
      const source = open(addon, given.mmap || name !== 'cpu')
      // Builds its tables beside what follows; the first use waits for them.
      const tokenizer = source.vocab ? new addon.Tokenizer(source.vocab) : undefined
      const { config, weights } = source
      if ('file' in weights && !given.mmap) {
        const layers = config.heads.length
        const onGpu = name === 'cpu' ? 0 : Math.min(gpuLayers ?? layers, layers)
        copy = await copyWeights(addon, weights, { ...read, layers, gpuLayers: onGpu })
        stopIfAborted()
      }
      const from = copy ? { ...weights, copy } : weights
      const model = new addon.Model(nativeConfig(config), from, { ...native, ...gpu })
      stopIfAborted()
      return { source, native: model, tokenizer, fallback, mmap: 'file' in weights && !copy }
    } catch (error) {
      const memoryNext = name === 'cpu' ? undefined : GPU_MEMORY_NEXT
      throw fromNative(error, `${what} failed.`, given.mmap ? memoryNext : COPY_MEMORY_NEXT)
    } finally {
      // The model holds the memory now, and frees it when it goes.
      copy?.dispose()
    }
  }
  stopIfAborted()
  const backend = await chooseBackend({ backend: resolveBackend(given.backend), gpuLayers, signal })
  try {
    return await make(backend)
  } catch (error) {
    // What else is wrong, with the file say, comes out again.
    if (!backend.optional || !(error instanceof OpenElmError) || error.code === 'E_ABORTED') throw error
    const { cause } = error
    const why = cause instanceof Error ? cause.message : error.message
    return make(cpuBackend(`The model could not be put on it: ${why}`))
  }
}
