/**
 * Layer-wise scaling: the widths of OpenELM's layers from two multipliers each (OpenELM paper, section 2;
 * the rounding is that of Apple's published configuration).
 */

/** `[first, last]`, interpolated over the layers; one number, for all layers. */
export type Multipliers = number | readonly number[]

/**
 * The multiple of `divisor` nearest to `value` (halves up, at least one divisor), plus one divisor if rounding
 * lost more than a tenth.
 */
export function makeDivisible(value: number, divisor: number): number {
  const nearest = Math.max(divisor, Math.floor(Math.trunc(value + divisor / 2) / divisor) * divisor)
  return nearest < 0.9 * value ? nearest + divisor : nearest
}

/** One multiplier a layer; a list of as many as there are layers is taken as it is. */
export function multipliersPerLayer(multipliers: Multipliers, layers: number): readonly number[] {
  if (typeof multipliers === 'number') return new Array<number>(layers).fill(multipliers)
  const [first, last] = multipliers
  if (first === undefined || last === undefined || multipliers.length !== 2) return multipliers
  const step = layers > 1 ? (last - first) / (layers - 1) : 0
  return Array.from({ length: layers }, (_, i) => {
    const exact = layers > 1 && i === layers - 1 ? last : first + i * step
    return roundHalfEven(exact * 100) / 100
  })
}

/** Query heads of each layer: multiples of `groups`, so that every kv head serves as many queries. */
export function queryHeads(
  dim: number,
  headDim: number,
  groups: number,
  multipliers: readonly number[],
): readonly number[] {
  return multipliers.map((m) => makeDivisible(dim * m, headDim * groups) / headDim)
}

/** FFN width of each layer. */
export function ffnWidths(dim: number, divisor: number, multipliers: readonly number[]): readonly number[] {
  return multipliers.map((m) => makeDivisible(dim * m, divisor))
}

/** Rounding as NumPy does it: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
