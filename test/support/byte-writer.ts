/** Little-endian bytes written by hand: what tests compare readers and writers against. */
export class ByteWriter {
  readonly #parts: Buffer[] = []

  u8(value: number): this {
    return this.bytes(Uint8Array.of(value))
  }

  u16s(...values: readonly number[]): this {
    const part = Buffer.alloc(2 * values.length)
    values.forEach((value, i) => {
      part.writeUInt16LE(value, 2 * i)
    })
    return this.bytes(part)
  }

  u32(value: number): this {
    const part = Buffer.alloc(4)
    part.writeUInt32LE(value)
    return this.bytes(part)
  }

  u64(value: number | bigint): this {
    const part = Buffer.alloc(8)
    part.writeBigUInt64LE(BigInt(value))
    return this.bytes(part)
  }

  f32(value: number): this {
    const part = Buffer.alloc(4)
    part.writeFloatLE(value)
    return this.bytes(part)
  }

  f64(value: number): this {
    const part = Buffer.alloc(8)
    part.writeDoubleLE(value)
    return this.bytes(part)
  }

  /** A GGUF string: u64 length, UTF-8. */
  string(text: string): this {
    return this.u64(Buffer.byteLength(text)).bytes(Buffer.from(text))
  }

  /** One byte a character, without a length. */
  tag(text: string): this {
    return this.bytes(Buffer.from(text, 'latin1'))
  }

  bytes(part: Uint8Array): this {
    this.#parts.push(Buffer.from(part))
    return this
  }

  /** Zeros up to a multiple of `alignment`. */
  pad(alignment: number): this {
    const { length } = this.done()
    return this.bytes(new Uint8Array((alignment - (length % alignment)) % alignment))
  }

  done(): Buffer {
    return Buffer.concat(this.#parts)
  }
}
