import { formatError } from '../format-error.js'
import type { HeaderCursor } from './cursor.js'
import { GgufStrings } from './strings.js'
import {
  type GgufArray,
  type GgufBigIntType,
  type GgufNumberType,
  type GgufValue,
  type GgufValueType,
  minimumBytes,
  numericArrays,
  valueTypes,
} from './values.js'

/** Arrays of arrays deeper than this are refused: nothing writes them, and each level costs a stack frame. */
const depthLimit = 8
/** Items of one array; the largest vocabularies have under 300,000. */
const itemLimit = 2 ** 24
const stringLimit = 2 ** 26

/** Reads metadata values of one file. */
export class ValueReader {
  readonly #cursor: HeaderCursor
  readonly #label: string

  constructor(cursor: HeaderCursor, label: string) {
    this.#cursor = cursor
    this.#label = label
  }

  /** The type number and the value of `key`. @throws E_FORMAT */
  read(key: string): GgufValue {
    const what = `the value of "${key}"`
    const type = this.#type(what)
    switch (type) {
      case 'array':
        return this.#array(what, 1)
      case 'string':
        return { type, value: this.#cursor.string(what, stringLimit) }
      case 'bool':
        return { type, value: this.#bool(this.#cursor.uint8(what), what) === 1 }
      case 'uint64':
        return { type, value: this.#cursor.view(8, what).getBigUint64(0, true) }
      case 'int64':
        return { type, value: this.#cursor.view(8, what).getBigInt64(0, true) }
      default:
        return { type, value: readNumber(this.#cursor.view(minimumBytes[type], what), type) }
    }
  }

  #type(what: string): GgufValueType {
    const id = this.#cursor.uint32(`the type of ${what}`)
    const type = valueTypes[id]
    if (type === undefined)
      throw formatError(this.#label, `The type of ${what} is ${id}, which does not exist.`)
    return type
  }

  #bool(byte: number, what: string): number {
    if (byte > 1) throw formatError(this.#label, `${what} is a boolean of ${byte}; only 0 and 1 are valid.`)
    return byte
  }

  #array(what: string, depth: number): GgufArray {
    if (depth > depthLimit)
      throw formatError(this.#label, `${what} nests arrays more than ${depthLimit} deep.`)
    const itemType = this.#type(what)
    const count = this.#cursor.count(`the item count of ${what}`, minimumBytes[itemType], itemLimit)
    switch (itemType) {
      case 'array': {
        const values: GgufArray[] = []
        for (let i = 0; i < count; i++) values.push(this.#array(what, depth + 1))
        return { type: 'array', itemType, values }
      }
      case 'string':
        return { type: 'array', itemType, values: this.#strings(what, count) }
      case 'bool': {
        const values = this.#copy(count, what)
        for (const byte of values) this.#bool(byte, what)
        return { type: 'array', itemType, values }
      }
      default:
        return { type: 'array', itemType, values: this.#numbers(what, itemType, count) }
    }
  }

  #strings(what: string, count: number): GgufStrings {
    const start = this.#cursor.offset
    for (let i = 0; i < count; i++) this.#cursor.skipString(what)
    return new GgufStrings(count, this.#cursor.copyFrom(start))
  }

  #numbers(what: string, itemType: GgufNumberType | GgufBigIntType, count: number) {
    const bytes = this.#copy(count * minimumBytes[itemType], what)
    return new numericArrays[itemType](bytes.buffer, bytes.byteOffset, count)
  }

  #copy(length: number, what: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#cursor.copyFrom(this.#cursor.take(length, what)))
  }
}

function readNumber(view: DataView, type: GgufNumberType): number {
  switch (type) {
    case 'uint8':
      return view.getUint8(0)
    case 'int8':
      return view.getInt8(0)
    case 'uint16':
      return view.getUint16(0, true)
    case 'int16':
      return view.getInt16(0, true)
    case 'uint32':
      return view.getUint32(0, true)
    case 'int32':
      return view.getInt32(0, true)
    case 'float32':
      return view.getFloat32(0, true)
    case 'float64':
      return view.getFloat64(0, true)
  }
}
