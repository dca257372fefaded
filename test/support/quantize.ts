/**
 * Q8_0 and Q4_0 as test/golden/README.md defines them, for f32 values: an implementation that shares nothing with the
 * addon's. Arithmetic is f32, step by step.
 */
const group = 32
const f32 = Math.fround

/** Bits of the binary16 nearest to a value, ties to even. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude === 0) return sign
  if (magnitude >= 65520) return sign | 0x7c00
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)))
  const steps = roundHalfEven(magnitude / 2 ** (exponent - 10))
  // A subnormal has no implicit bit; a mantissa that rounds up to 2048 carries into the exponent by itself.
  return sign | (magnitude < 2 ** -14 ? steps : ((exponent + 15) << 10) + (steps - 1024))
}

/** Value of binary16 bits. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const mantissa = bits & 1023
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25))
}

/** Blocks of Q8_0: d = max|x| / 127 as f16, q = x / unrounded d rounded to even. */
export function quantizeQ8(values: Float32Array): Buffer {
  return perGroup(values, 34, (start, block) => {
    const d = f32(Math.abs(extremeOf(values, start)) / 127)
    const inverse = d === 0 ? 0 : f32(1 / d)
    block.writeUInt16LE(toHalf(d), 0)
    for (let i = 0; i < group; i++) {
      block.writeInt8(roundHalfEven(f32((values[start + i] ?? 0) * inverse)), 2 + i)
    }
  })
}

/** Blocks of Q4_0: d = signed value of largest magnitude / -8 as f16, q = min(15, floor(x / unrounded d + 8.5)). */
export function quantizeQ4(values: Float32Array): Buffer {
  return perGroup(values, 18, (start, block) => {
    const d = f32(extremeOf(values, start) / -8)
    const inverse = d === 0 ? 0 : f32(1 / d)
    block.writeUInt16LE(toHalf(d), 0)
    const level = (i: number) => Math.min(15, Math.floor(f32(f32((values[i] ?? 0) * inverse) + 8.5)))
    for (let i = 0; i < group / 2; i++) {
      block.writeUInt8(level(start + i) | (level(start + i + group / 2) << 4), 2 + i)
    }
  })
}

/** The first of the values of largest magnitude in a group. */
function extremeOf(values: Float32Array, start: number): number {
  let extreme = 0
  for (let i = start; i < start + group; i++) {
    const value = values[i] ?? 0
    if (Math.abs(value) > Math.abs(extreme)) extreme = value
  }
  return extreme
}

function perGroup(values: Float32Array, bytes: number, fill: (start: number, block: Buffer) => void): Buffer {
  const out = Buffer.alloc((values.length / group) * bytes)
  for (let i = 0; i < values.length / group; i++) fill(i * group, out.subarray(i * bytes, (i + 1) * bytes))
  return out
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
