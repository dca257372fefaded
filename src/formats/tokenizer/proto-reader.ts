/** Wire types of protocol buffers that are in use (encoding specification, "Message Structure"). */
export const Wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/**
 * Reads the fields of one protocol-buffers message, every length checked against the bytes that are there.
 * `fail` makes the error to throw of one sentence.
 */
export class ProtoReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #fail: (why: string) => Error
  #at = 0
  #wire = 0

  constructor(bytes: Uint8Array, fail: (why: string) => Error) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#fail = fail
  }

  /** Number of the next field, or undefined at the end. Its value must be read or skipped next. */
  field(): number | undefined {
    if (this.#at === this.#bytes.length) return undefined
    const key = Number(this.#varint())
    this.#wire = key % 8
    const field = Math.floor(key / 8)
    if (field < 1 || field >= 2 ** 29) throw this.#fail(`It has a field numbered ${field}.`)
    return field
  }

  /** An int32, enum or bool field. */
  int32(): number {
    this.#expect(Wire.varint)
    return Number(BigInt.asIntN(32, this.#varint()))
  }

  bool(): boolean {
    this.#expect(Wire.varint)
    return this.#varint() !== 0n
  }

  float(): number {
    this.#expect(Wire.fixed32)
    return this.#view.getFloat32(this.#take(4), true)
  }

  /** A bytes, string or message field. */
  bytes(): Uint8Array {
    this.#expect(Wire.bytes)
    const length = this.#varint()
    if (length > BigInt(this.#bytes.length - this.#at)) {
      throw this.#fail(`A field claims ${length} bytes where ${this.#bytes.length - this.#at} are left.`)
    }
    const begin = this.#take(Number(length))
    return this.#bytes.subarray(begin, this.#at)
  }

  message(): ProtoReader {
    return new ProtoReader(this.bytes(), this.#fail)
  }

  skip(): void {
    switch (this.#wire) {
      case Wire.varint:
        this.#varint()
        break
      case Wire.fixed64:
        this.#take(8)
        break
      case Wire.bytes:
        this.bytes()
        break
      case Wire.fixed32:
        this.#take(4)
        break
      default:
        throw this.#fail(`It has a field of wire type ${this.#wire}.`)
    }
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw this.#fail(`A field has wire type ${this.#wire} where ${wire} belongs.`)
  }

  #take(length: number): number {
    const begin = this.#at
    if (length > this.#bytes.length - begin) throw this.#fail('It ends in the middle of a field.')
    this.#at += length
    return begin
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#take(1)] as number
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw this.#fail('It has a number of more than ten bytes.')
  }
}
