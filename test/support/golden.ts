import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { IsaName } from '../../src/index.js'
import { loadNative } from '../../src/native/load.js'

/** Path of a file of the reference data. */
export function goldenPath(name: string): string {
  return fileURLToPath(new URL(`../golden/${name}`, import.meta.url))
}

export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(goldenPath(name), 'utf8')) as T
}

/** Raw little-endian f32. */
export function goldenFloats(name: string): Float32Array {
  const bytes = readFileSync(goldenPath(name))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

/** Weight types with recorded logits. */
export type GoldenType = 'f16' | 'q8_0' | 'q4_0'

/**
 * Relative error ‖a-b‖/‖b‖ over recorded rows. `rows` are indices into `logits` (`[n][vocab]`); `recorded` holds just
 * those rows.
 */
export function relativeError(
  logits: Float32Array,
  rows: readonly number[],
  recorded: Float32Array,
  vocab: number,
): number {
  let difference = 0
  let norm = 0
  rows.forEach((row, i) => {
    for (let k = 0; k < vocab; k++) {
      const expected = recorded[i * vocab + k] as number
      difference += ((logits[row * vocab + k] as number) - expected) ** 2
      norm += expected ** 2
    }
  })
  return Math.sqrt(difference / norm)
}

/** Index of the largest value of a row. */
export function argmax(logits: Float32Array, row: number, vocab: number): number {
  let best = 0
  for (let k = 1; k < vocab; k++) {
    if ((logits[row * vocab + k] as number) > (logits[row * vocab + best] as number)) best = k
  }
  return best
}

/** Every variant with whether this machine runs it. */
export function isas(): readonly { readonly name: IsaName; readonly supported: boolean }[] {
  return loadNative().cpu().isas
}

/** Whether this machine runs a variant. */
export const runs = (isa: IsaName): boolean => isas().some(({ name, supported }) => name === isa && supported)

/**
 * The largest relative error of logits that a variant may show against exact arithmetic on the same weights: f32
 * activations reproduce it, 15-bit and bf16 ones come near.
 */
export function errorBound(isa: IsaName, type: GoldenType): number {
  const exact = 1e-4
  const near = 1e-2
  // 8 bits of significand, on both sides of each product; random weights amplify it: 1.8e-2 to 2.7e-2 on hardware.
  const rounded = 4e-2
  if (isa === 'reference') return exact
  if (isa === 'amx') return rounded
  return type === 'f16' ? exact : near
}
