import { MemorySource } from '../../src/formats/byte-source.js'
import { ggmlTypeById, rowBytes } from '../../src/formats/ggml-types.js'
import type { NativeMappedFile } from '../../src/native/binding.js'
import { loadNative } from '../../src/native/load.js'

/** A file that exists only in memory, with the addon's conversions. */
export class MemoryFile extends MemorySource implements NativeMappedFile {
  readAhead(): void {}

  async convert(offset: number, from: number, rows: number, cols: number, to: number): Promise<Uint8Array> {
    const type = ggmlTypeById(from)
    if (!type) throw new Error(`no type ${from}`)
    return loadNative().convertRows(from, this.read(offset, rows * rowBytes(type, cols)), rows, cols, to)
  }
}
