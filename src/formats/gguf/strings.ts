/** Bytes of the length that precedes each string. */
const prefix = 8
const separator = '\0'.repeat(prefix)

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
    this.#decoded ??= this.#decodeAtOnce() ?? this.#decodeEach()
    return this.#decoded
  }

  /**
   * One decoding of the whole region, several times faster than one call a string: the length prefixes are
   * overwritten with eight NULs, which then separate the strings. Undefined where strings hold NULs themselves
   * so that the separators would be ambiguous.
   */
  #decodeAtOnce(): readonly string[] | undefined {
    if (this.length === 0) return []
    const bytes = Buffer.from(this.encoded)
    let at = 0
    for (let i = 0; i < this.length; i++) {
      const length = bytes.readUInt32LE(at)
      bytes.fill(0, at, at + prefix)
      at += prefix + length
      if (length > 0 && bytes[at - 1] === 0) return undefined
    }
    const strings = bytes.toString('utf8', prefix).split(separator)
    return strings.length === this.length ? strings : undefined
  }

  #decodeEach(): readonly string[] {
    const bytes = Buffer.from(this.encoded.buffer, this.encoded.byteOffset, this.encoded.byteLength)
    let at = 0
    return Array.from({ length: this.length }, () => {
      const start = at + prefix
      at = start + bytes.readUInt32LE(at)
      return bytes.toString('utf8', start, at)
    })
  }
}
