import { OpenElmError } from '../errors.js'

/**
 * Bytes that headers are parsed from. The addon's NativeMappedFile is one; MemorySource is one for buffers.
 */
export interface ByteSource {
  readonly size: number
  /** Copy of `length` bytes from `offset`. The range lies inside the source: callers check it before. */
  read(offset: number, length: number): Uint8Array
}

/** A ByteSource over a buffer in memory. */
export class MemorySource implements ByteSource {
  readonly size: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.size = bytes.byteLength
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new OpenElmError('E_FILE_READ', `Bytes ${offset} to ${offset + length} could not be read.`, {
        why: `The source has ${this.size} bytes.`,
      })
    }
    return this.#bytes.slice(offset, offset + length)
  }
}
