import { createHash } from 'node:crypto'
import type { ModelSource } from '../model-source.js'

/** Bytes read of the weights at each of so many places. */
const SAMPLE_BYTES = 4096
const SAMPLES = 128

/**
 * Tells models apart by what their keys and values depend on: configuration, tensor table, size of the file, and the bytes
 * at places spread over all of it. Not by name or time: a copy is the same model.
 */
export function fingerprintOf({ config, weights, type }: ModelSource): string {
  const hash = createHash('sha256').update(JSON.stringify([config, type]))
  if ('synthetic' in weights) return hash.update(`synthetic ${weights.synthetic}`).digest('hex')
  const { file, tensors } = weights
  hash.update(JSON.stringify([file.size, tensors]))
  const last = file.size - SAMPLE_BYTES
  const step = Math.max(SAMPLE_BYTES, last / (SAMPLES - 1))
  for (let at = 0; at <= last; at += step) hash.update(file.read(Math.floor(at), SAMPLE_BYTES))
  const rest = Math.max(0, last)
  return hash.update(file.read(rest, file.size - rest)).digest('hex')
}
