import type { NativeMappedFile } from '../../native/binding.js'
import { loadNative } from '../../native/load.js'
import { ggmlType, rowBytes } from '../ggml-types.js'
import type { RowSource } from '../row-source.js'
import type { MlxQuantization } from './quantization.js'

/** Where the numbers of a quantized matrix begin in a mapped file; scales and biases are rows of one number a group. */
export interface QuantizedParts {
  readonly weight: { readonly source: NativeMappedFile; readonly offset: number }
  readonly scales: ScalePart
  readonly biases: ScalePart
}

interface ScalePart {
  readonly source: NativeMappedFile
  readonly offset: number
  readonly type: 'F32' | 'F16' | 'BF16'
}

const f32 = ggmlType('F32')

/**
 * A quantized matrix of MLX, seen as rows of f32: element i of a row is scale · q + bias of its group, q being bits
 * bits·i and following of the row's little-endian words.
 */
export class QuantizedRows implements RowSource {
  readonly size: number
  readonly #parts: QuantizedParts
  readonly #cols: number
  readonly #quantization: MlxQuantization

  /** @param cols a multiple of the group */
  constructor(parts: QuantizedParts, rows: number, cols: number, quantization: MlxQuantization) {
    this.#parts = parts
    this.#cols = cols
    this.#quantization = quantization
    this.size = rows * rowBytes(f32, cols)
  }

  /** Whole rows only. @throws RangeError for anything else */
  read(offset: number, length: number): Uint8Array {
    const row = rowBytes(f32, this.#cols)
    if (offset % row !== 0 || length % row !== 0 || offset + length > this.size) {
      throw new RangeError(`bytes ${offset} to ${offset + length} are not rows of ${row} bytes`)
    }
    return this.#dequantize(offset / row, length / row)
  }

  async convert(offset: number, _from: number, rows: number, cols: number, to: number): Promise<Uint8Array> {
    const values = this.read(offset, rows * rowBytes(f32, cols))
    return loadNative().convertRows(f32.id, values, rows, cols, to)
  }

  #dequantize(firstRow: number, rows: number): Uint8Array {
    const { bits, groupSize } = this.#quantization
    const { weight } = this.#parts
    const packedRow = (this.#cols * bits) / 8
    const packed = weight.source.read(weight.offset + firstRow * packedRow, rows * packedRow)
    const scales = this.#groups(this.#parts.scales, firstRow, rows)
    const biases = this.#groups(this.#parts.biases, firstRow, rows)
    const values = new Float32Array(rows * this.#cols)
    for (let i = 0; i < values.length; i++) {
      const group = Math.floor(i / groupSize)
      const q = bits === 8 ? (packed[i] ?? 0) : ((packed[i >> 1] ?? 0) >> (4 * (i & 1))) & 15
      values[i] = (scales[group] ?? 0) * q + (biases[group] ?? 0)
    }
    return new Uint8Array(values.buffer)
  }

  #groups({ source, offset, type }: ScalePart, firstRow: number, rows: number): Float32Array {
    const groups = this.#cols / this.#quantization.groupSize
    const from = ggmlType(type)
    const row = rowBytes(from, groups)
    const stored = source.read(offset + firstRow * row, rows * row)
    const bytes = loadNative().convertRows(from.id, stored, rows, groups, f32.id)
    return new Float32Array(Uint8Array.from(bytes).buffer)
  }
}
