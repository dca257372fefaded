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
  #found: Uint32Array | undefined

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

  /** One string, or undefined beyond the end. */
  at(index: number): string | undefined {
    const size = this.byteLength(index)
    if (size === undefined) return undefined
    const end = this.#ends()[index + 1] as number
    return this.#bytes().toString('utf8', end - size, end)
  }

  /** Bytes of one string. */
  byteLength(index: number): number | undefined {
    const start = this.#ends()[index]
    const end = this.#ends()[index + 1]
    return start === undefined || end === undefined ? undefined : end - start - prefix
  }

  /** Where each string ends, after a 0. */
  #ends(): Uint32Array {
    if (this.#found) return this.#found
    const view = new DataView(this.encoded.buffer, this.encoded.byteOffset, this.encoded.byteLength)
    const ends = new Uint32Array(this.length + 1)
    let at = 0
    for (let i = 1; i <= this.length; i++) {
      at += prefix + view.getUint32(at, true)
      ends[i] = at
    }
    this.#found = ends
    return ends
  }

  #bytes(): Buffer {
    return Buffer.from(this.encoded.buffer, this.encoded.byteOffset, this.encoded.byteLength)
  }

  /** One call a string: for pieces of a few bytes no slower than decoding the region at once and splitting it. */
  #decode(): readonly string[] {
    const bytes = this.#bytes()
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
