/** Bytes of the length that precedes each string. */
const prefix = 8

/**
 * The strings of a GGUF array, kept as they lie in the file (u64 length, UTF-8 bytes) and decoded when asked for:
 * a vocabulary of 32,000 pieces is copied by a converter without ever becoming strings.
 */
export class GgufStrings {
  readonly length: number
  /** The array's items in the file's own encoding. */
  readonly encoded: Uint8Array
  #decoded: readonly string[] | undefined

  /** @param encoded exactly `length` items, whose lengths were checked when the file was read */
  constructor(length: number, encoded: Uint8Array) {
    this.length = length
    this.encoded = encoded
  }

  static from(strings: readonly string[]): GgufStrings {
    const size = strings.reduce((sum, text) => sum + prefix + Buffer.byteLength(text), 0)
    const encoded = Buffer.alloc(size)
    let at = 0
    for (const text of strings) {
      const length = encoded.write(text, at + prefix)
      encoded.writeUInt32LE(length, at)
      at += prefix + length
    }
    return new GgufStrings(strings.length, encoded)
  }

  /** All strings; invalid UTF-8 becomes U+FFFD. */
  toArray(): readonly string[] {
    this.#decoded ??= this.#decode()
    return this.#decoded
  }

  /** One call a string: for pieces of a few bytes no slower than decoding the region at once and splitting it. */
  #decode(): readonly string[] {
    const bytes = Buffer.from(this.encoded.buffer, this.encoded.byteOffset, this.encoded.byteLength)
    const strings = new Array<string>(this.length)
    let at = 0
    for (let i = 0; i < this.length; i++) {
      const start = at + prefix
      at = start + bytes.readUInt32LE(at)
      strings[i] = bytes.toString('utf8', start, at)
    }
    return strings
  }
}
