import { freemem } from 'node:os'
import { OpenElmError } from '../errors.js'
import { ggmlTypeById, rowBytes } from '../formats/ggml-types.js'
import type { NativeBinding, NativeFileCopy, NativeTensor, NativeWeights } from '../native/binding.js'
import { abortedError } from './native-error.js'

type FileWeights = Extract<NativeWeights, { file: unknown }>

export interface CopyOptions {
  /** What is done, for errors: "Loading x.gguf". */
  readonly what: string
  /** Layers of the model, and how many of them, the last ones, a GPU computes. */
  readonly layers: number
  readonly gpuLayers: number
  readonly threads: number
  readonly signal: AbortSignal | undefined
}

/** What to do where memory for weights is short that need not be read into it. */
export const COPY_MEMORY_NEXT =
  'Leave --no-mmap (in the library: mmap: false) out, or use a smaller model or type.'

/**
 * Reads the weights that the CPU computes with into memory; undefined where a GPU has all layers.
 * @throws OpenElmError E_MEMORY, E_ABORTED; what the addon throws where the file cannot be read
 */
export async function copyWeights(
  addon: NativeBinding,
  { file, tensors }: FileWeights,
  { what, layers, gpuLayers, threads, signal }: CopyOptions,
): Promise<NativeFileCopy | undefined> {
  const wanted = tensors.filter(({ name }) => usedByCpu(name, layers - gpuLayers, layers))
  if (wanted.length === 0) return undefined
  const offset = Math.min(...wanted.map((tensor) => tensor.offset))
  const length = Math.max(...wanted.map((tensor) => tensor.offset + bytesOf(tensor))) - offset
  checkRoom(what, length)
  const copy = new addon.FileCopy(file)
  const abort = () => copy.abort()
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  try {
    await copy.read({ offset, length, threads })
  } catch (error) {
    throw signal?.aborted ? abortedError(`${what} was aborted.`, signal) : error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
  return copy
}

/** The first layers are the CPU's; without a GPU all is, else it looks up the embedding for them and no more. */
function usedByCpu(name: string, cpuLayers: number, layers: number): boolean {
  if (cpuLayers === layers) return true
  const [, layer] = /^blk\.(\d+)\./.exec(name) ?? []
  return layer === undefined ? name === 'token_embd.weight' && cpuLayers > 0 : Number(layer) < cpuLayers
}

function bytesOf({ name, type, rows, cols }: NativeTensor): number {
  const known = ggmlTypeById(type)
  if (!known) throw new Error(`${name} has a type that the reader let pass: ${type}`)
  return rows * rowBytes(known, cols)
}

/**
 * Refuses what memory cannot hold: Linux grants it all the same, and ends the process when it is filled. Swap does not
 * count: weights there are slower than in their file. Elsewhere free memory is not what could be had.
 */
function checkRoom(what: string, bytes: number): void {
  if (process.platform !== 'linux') return
  const room = Math.min(freemem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
  if (bytes <= room) return
  const gigabytes = (n: number) => `${(n / 1e9).toFixed(1)} GB`
  throw new OpenElmError('E_MEMORY', `${what} failed.`, {
    why: `Its weights are not to be mapped and take ${gigabytes(bytes)}; ${gigabytes(room)} of memory are free.`,
    next: COPY_MEMORY_NEXT,
  })
}
