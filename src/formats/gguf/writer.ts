import { type GgmlType, rowBytes } from '../ggml-types.js'
import { alignUp, defaultAlignment, ggufMagic } from './reader.js'
import type { GgufStrings } from './strings.js'
import { type GgufArray, type GgufValue, minimumBytes, valueTypes } from './values.js'

const version = 3

/** A tensor to be written: `dims` in the file's order, dims[0] the length of a row. */
export interface TensorPlan {
  readonly name: string
  readonly type: GgmlType
  readonly dims: readonly number[]
}

export interface PlacedTensor extends TensorPlan {
  /** Bytes from the start of the file. */
  readonly offset: number
  readonly bytes: number
}

export interface GgufLayout {
  /** Everything before the tensor data, padded. */
  readonly header: Uint8Array
  /** In the order given, which is the order in the file. */
  readonly tensors: readonly PlacedTensor[]
  /** Size of the whole file. */
  readonly fileSize: number
}

/**
 * Lays out a GGUF v3 file: the encoded header, and where each tensor goes. The same input gives the same bytes.
 * Data between tensors and after the last one is padded with zeros to `general.alignment`, which is always 32 here
 * (a key of that name in `metadata` is dropped).
 */
export function layOutGguf(
  metadata: Iterable<readonly [string, GgufValue]>,
  plans: readonly TensorPlan[],
): GgufLayout {
  const pairs = [...metadata].filter(([key]) => key !== 'general.alignment')
  const out = new HeaderBuffer()
  out.uint32(ggufMagic)
  out.uint32(version)
  out.uint64(plans.length)
  out.uint64(pairs.length)
  for (const [key, value] of pairs) {
    out.string(key)
    out.value(value)
  }
  let end = 0
  const relative = plans.map((plan) => {
    const [cols = 1, ...others] = plan.dims
    const bytes = others.reduce((product, dim) => product * dim, 1) * rowBytes(plan.type, cols)
    const tensor = { ...plan, offset: end, bytes }
    end = alignUp(end + bytes, defaultAlignment)
    return tensor
  })
  for (const { name, type, dims, offset } of relative) {
    out.string(name)
    out.uint32(dims.length)
    for (const dim of dims) out.uint64(dim)
    out.uint32(type.id)
    out.uint64(offset)
  }
  const header = out.padded(defaultAlignment)
  return {
    header,
    tensors: relative.map((tensor) => ({ ...tensor, offset: header.length + tensor.offset })),
    fileSize: header.length + end,
  }
}

/** A growing little-endian buffer. */
class HeaderBuffer {
  #bytes = Buffer.alloc(1 << 16)
  #length = 0

  uint32(value: number): void {
    this.#length = this.#room(4).writeUInt32LE(value, this.#length)
  }

  uint64(value: number): void {
    this.#length = this.#room(8).writeBigUInt64LE(BigInt(value), this.#length)
  }

  string(text: string): void {
    const length = Buffer.byteLength(text)
    this.uint64(length)
    this.#room(length).write(text, this.#length)
    this.#length += length
  }

  value(value: GgufValue): void {
    this.uint32(valueTypes.indexOf(value.type))
    switch (value.type) {
      case 'array':
        return this.#array(value)
      case 'string':
        return this.string(value.value)
      default:
        return this.#scalar(value)
    }
  }

  /** The bytes so far, followed by zeros up to a multiple of `alignment`. */
  padded(alignment: number): Uint8Array {
    const length = alignUp(this.#length, alignment)
    const bytes = this.#room(length - this.#length)
    return Uint8Array.prototype.slice.call(bytes, 0, length)
  }

  #array(array: GgufArray): void {
    this.uint32(valueTypes.indexOf(array.itemType))
    this.uint64(array.values.length)
    switch (array.itemType) {
      case 'array':
        for (const item of array.values) this.#array(item)
        return
      case 'string':
        return this.#strings(array.values)
      default:
        return this.#raw(new Uint8Array(array.values.buffer, array.values.byteOffset, array.values.byteLength))
    }
  }

  #strings(strings: GgufStrings): void {
    this.#raw(strings.encoded)
  }

  #scalar(value: Exclude<GgufValue, GgufArray | { type: 'string' }>): void {
    const size = minimumBytes[value.type]
    const bytes = this.#room(size)
    const view = new DataView(bytes.buffer, bytes.byteOffset + this.#length, size)
    this.#length += size
    switch (value.type) {
      case 'uint8':
        return view.setUint8(0, value.value)
      case 'int8':
        return view.setInt8(0, value.value)
      case 'uint16':
        return view.setUint16(0, value.value, true)
      case 'int16':
        return view.setInt16(0, value.value, true)
      case 'uint32':
        return view.setUint32(0, value.value, true)
      case 'int32':
        return view.setInt32(0, value.value, true)
      case 'float32':
        return view.setFloat32(0, value.value, true)
      case 'float64':
        return view.setFloat64(0, value.value, true)
      case 'bool':
        return view.setUint8(0, value.value ? 1 : 0)
      case 'uint64':
        return view.setBigUint64(0, value.value, true)
      case 'int64':
        return view.setBigInt64(0, value.value, true)
    }
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.byteLength).set(bytes, this.#length)
    this.#length += bytes.byteLength
  }

  /** The buffer with at least `size` zero bytes free behind what is written. */
  #room(size: number): Buffer {
    const needed = this.#length + size
    if (needed > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#bytes.length))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    return this.#bytes
  }
}
