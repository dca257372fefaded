/** A quantized matrix as ONNX Runtime's MatMulNBits reads it: unsigned quants around the middle, scales apart. */
export interface NBits {
  readonly bits: 4 | 8
  /** [rows][cols × bits / 8]; of two elements of 4 bits the first is in the low half of a byte. */
  readonly quants: Uint8Array
  /** [rows][cols / 32] */
  readonly scales: Float32Array
}

/** Elements that share a scale, in both formats. */
export const blockElements = 32

/**
 * Rearranges blocks of Q8_0 or Q4_0 (native/quant/blocks.h). Nothing is rounded: the weights are the same numbers.
 * @throws Error for other types
 */
export function toNBits(type: string, blocks: Uint8Array): NBits {
  if (type === 'Q8_0') return fromQ8(blocks)
  if (type === 'Q4_0') return fromQ4(blocks)
  throw new Error(`${type} has no equal among ONNX Runtime's formats; Q8_0 and Q4_0 have`)
}

/** A matrix as DynamicQuantizeMatMul reads it: 8-bit, a scale for each output. */
export interface Int8 {
  /** [cols][rows]: transposed */
  readonly quants: Int8Array
  /** [rows] */
  readonly scales: Float32Array
}

/** Rounds blocks to one scale a row, which is what ONNX Runtime's own quantizer makes of a model. */
export function toInt8(type: string, blocks: Uint8Array, rows: number, cols: number): Int8 {
  const { bits, quants: packed, scales: blockScales } = toNBits(type, blocks)
  const quants = new Int8Array(rows * cols)
  const scales = new Float32Array(rows)
  const row = new Float32Array(cols)
  for (let r = 0; r < rows; r++) {
    let largest = 0
    for (let c = 0; c < cols; c++) {
      const i = r * cols + c
      const byte = packed[bits === 8 ? i : i >>> 1] ?? 0
      const quant = bits === 8 ? byte - 128 : ((i & 1 ? byte >>> 4 : byte) & 15) - 8
      const x = quant * (blockScales[Math.floor(i / blockElements)] ?? 0)
      row[c] = x
      largest = Math.max(largest, Math.abs(x))
    }
    const scale = largest / 127
    scales[r] = scale
    if (scale > 0) for (let c = 0; c < cols; c++) quants[c * rows + r] = Math.round((row[c] ?? 0) / scale)
  }
  return { quants, scales }
}

function fromQ8(blocks: Uint8Array): NBits {
  const count = blocks.length / 34
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength)
  const quants = new Uint8Array(count * 32)
  const scales = new Float32Array(count)
  for (let block = 0; block < count; block++) {
    const from = block * 34
    scales[block] = halfToFloat(view.getUint16(from, true))
    // Two's complement to an offset of 128.
    for (let i = 0; i < 32; i++) quants[block * 32 + i] = (blocks[from + 2 + i] ?? 0) ^ 0x80
  }
  return { bits: 8, quants, scales }
}

function fromQ4(blocks: Uint8Array): NBits {
  const count = blocks.length / 18
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength)
  const quants = new Uint8Array(count * 16)
  const scales = new Float32Array(count)
  for (let block = 0; block < count; block++) {
    const from = block * 18
    scales[block] = halfToFloat(view.getUint16(from, true))
    // Elements i and i + 16 share a byte in Q4_0; here elements 2i and 2i + 1 do.
    for (let i = 0; i < 8; i++) {
      const first = blocks[from + 2 + 2 * i] ?? 0
      const second = blocks[from + 3 + 2 * i] ?? 0
      quants[block * 16 + i] = (first & 15) | ((second & 15) << 4)
      quants[block * 16 + 8 + i] = (first >>> 4) | (second & 0xf0)
    }
  }
  return { bits: 4, quants, scales }
}

function halfToFloat(bits: number): number {
  const exponent = (bits >>> 10) & 31
  const mantissa = bits & 1023
  const magnitude = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25)
  return bits & 0x8000 ? -magnitude : magnitude
}
