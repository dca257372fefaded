import { type GgmlType, rowBytes } from '../ggml-types.js'
import { alignUp, defaultAlignment, ggufMagic } from './reader.js'
import { type GgufArray, type GgufValue, numericArrays, valueTypes } from './values.js'

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
        this.#array(value)
        break
      case 'string':
        this.string(value.value)
        break
      case 'bool':
        this.#raw(Uint8Array.of(value.value ? 1 : 0))
        break
      case 'uint64':
      case 'int64':
        this.#raw(numericArrays[value.type].of(value.value))
        break
      default:
        this.#raw(numericArrays[value.type].of(value.value))
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
        break
      case 'string':
        this.#raw(array.values.encoded)
        break
      default:
        this.#raw(array.values)
    }
  }

  /** Appends memory as it is: Node runs on little-endian machines, and GGUF is little-endian. */
  #raw(memory: ArrayBufferView): void {
    const bytes = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength)
    this.#room(bytes.length).set(bytes, this.#length)
    this.#length += bytes.length
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
