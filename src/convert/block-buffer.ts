const blockBytes = 4 * 2 ** 20

/**
 * Collects what is written to a file into aligned blocks of 4 MiB. Linux keeps what is written in such in memory as pages
 * of 2 MiB (ext4 since 6.16, XFS), and maps them so: a model decodes some 6 % faster than from pages of 4 KiB.
 */
export class BlockBuffer {
  readonly #write: (bytes: Uint8Array, position: number) => Promise<void>
  readonly #bytes = Buffer.allocUnsafe(blockBytes)
  #position = 0
  #length = 0

  /** @param write takes what was collected, as often as a block is full */
  constructor(write: (bytes: Uint8Array, position: number) => Promise<void>) {
    this.#write = write
  }

  /** Takes bytes for a position of the file; may write. */
  async add(bytes: Uint8Array, position: number): Promise<void> {
    if (position !== this.#position + this.#length) await this.flush()
    if (this.#length === 0) this.#position = position
    for (let done = 0; done < bytes.length; ) {
      const room = blockBytes - (this.#position % blockBytes) - this.#length
      const part = bytes.subarray(done, done + room)
      this.#bytes.set(part, this.#length)
      this.#length += part.length
      done += part.length
      if (part.length === room) await this.flush()
    }
  }

  /** Writes what there is. What could not be written is gone. */
  async flush(): Promise<void> {
    const position = this.#position
    const length = this.#length
    this.#position += length
    this.#length = 0
    if (length > 0) await this.#write(this.#bytes.subarray(0, length), position)
  }

  /** Forgets what there is. */
  clear(): void {
    this.#length = 0
  }
}
