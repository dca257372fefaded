import { closeSync, openSync, writeSync } from 'node:fs'
import type { ElementType, StoredTensor } from './graph.js'

/** Tensors begin at pages, so that a runtime can map them. */
const alignment = 4096

/** The file beside an ONNX model that holds its tensors, written one tensor after the other. */
export class DataFile {
  readonly tensors: StoredTensor[] = []
  readonly #file: number
  #end = 0

  constructor(path: string) {
    this.#file = openSync(path, 'w')
  }

  /** Appends a tensor and returns its name. */
  add(name: string, type: ElementType, dims: readonly number[], data: ArrayBufferView): string {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    const offset = Math.ceil(this.#end / alignment) * alignment
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#file, bytes, done, bytes.length - done, offset + done)
    this.#end = offset + bytes.length
    this.tensors.push({ name, type, dims, offset, bytes: bytes.length })
    return name
  }

  close(): void {
    closeSync(this.#file)
  }
}
