import type { ByteSource } from '../byte-source.js'
import { formatError } from '../format-error.js'

/** Bytes read first; a header with a 32,000-token vocabulary fits. */
const firstWindow = 1 << 20
/** No header of a real model comes near this; a larger one would only exhaust memory. */
const headerLimit = 256 * 2 ** 20

/**
 * Reads little-endian values one after the other from the start of a source, checking every read against its end.
 * The bytes read so far stay in one buffer that grows by doubling.
 */
export class HeaderCursor {
  readonly #source: ByteSource
  readonly #label: string
  #bytes: Buffer
  #view: DataView
  #at = 0

  constructor(source: ByteSource, label: string) {
    this.#source = source
    this.#label = label
    this.#bytes = this.#load(Math.min(firstWindow, source.size))
    this.#view = viewOf(this.#bytes)
  }

  get offset(): number {
    return this.#at
  }

  /** Moves past `length` bytes and gives where they started. @throws E_FORMAT when the file ends before */
  take(length: number, what: string): number {
    const start = this.#at
    const end = start + length
    if (end > this.#bytes.length) this.#grow(end, what)
    this.#at = end
    return start
  }

  uint8(what: string): number {
    return this.#view.getUint8(this.take(1, what))
  }

  uint32(what: string): number {
    return this.#view.getUint32(this.take(4, what), true)
  }

  /** A u64 that must be exact as a JavaScript number. @throws E_FORMAT above 2^53 - 1 */
  uint64(what: string): number {
    const at = this.take(8, what)
    const high = this.#view.getUint32(at + 4, true)
    if (high > 0x1fffff) {
      throw formatError(
        this.#label,
        `${what} is ${this.#view.getBigUint64(at, true)}, which no file can hold.`,
      )
    }
    return high * 2 ** 32 + this.#view.getUint32(at, true)
  }

  /** A view of the bytes behind the cursor; valid until the next read. */
  view(length: number, what: string): DataView {
    const at = this.take(length, what)
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, length)
  }

  /**
   * A u64 count of items of at least `itemBytes` bytes each, which must fit in what is left of the file.
   * @throws E_FORMAT when they do not, or for more than `limit`
   */
  count(what: string, itemBytes: number, limit: number): number {
    const count = this.uint64(what)
    const left = this.#source.size - this.#at
    if (count > limit || count > left / itemBytes) {
      throw formatError(this.#label, `${what} is ${count}, more than the ${left} bytes that follow can hold.`)
    }
    return count
  }

  /** A string of at most `limit` bytes; invalid UTF-8 becomes U+FFFD. */
  string(what: string, limit: number): string {
    const length = this.count(`the length of ${what}`, 1, limit)
    const start = this.take(length, what)
    return this.#bytes.toString('utf8', start, start + length)
  }

  /** Copy of the bytes from `start` to the cursor, aligned for any typed array. */
  copyFrom(start: number): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(start, this.#at))
  }

  /** Moves past one length-prefixed string without decoding it. */
  skipString(what: string): void {
    const at = this.take(8, what)
    const high = this.#view.getUint32(at + 4, true)
    if (high !== 0) throw formatError(this.#label, `${what} is longer than 4 GiB.`)
    this.take(this.#view.getUint32(at, true), what)
  }

  #grow(end: number, what: string): void {
    if (end > this.#source.size) {
      throw formatError(this.#label, `It ends after ${this.#source.size} bytes, in the middle of ${what}.`)
    }
    if (end > headerLimit) {
      throw formatError(this.#label, `Its header is larger than ${headerLimit / 2 ** 20} MiB.`)
    }
    this.#bytes = this.#load(Math.min(this.#source.size, headerLimit, Math.max(end, 2 * this.#bytes.length)))
    this.#view = viewOf(this.#bytes)
  }

  #load(length: number): Buffer {
    const bytes = this.#source.read(0, length)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
