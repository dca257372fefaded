import { formatError } from '../format-error.js'
import type { GgufStrings } from './strings.js'
import type { GgufArray, GgufValue } from './values.js'

/** The key-value pairs of one file, in file order, with typed access. A wrong type is E_FORMAT, absence undefined. */
export class GgufMetadata implements Iterable<readonly [string, GgufValue]> {
  /** What error messages call the file. */
  readonly label: string
  readonly #entries: ReadonlyMap<string, GgufValue>

  constructor(label: string, entries: ReadonlyMap<string, GgufValue>) {
    this.label = label
    this.#entries = entries
  }

  get size(): number {
    return this.#entries.size
  }

  [Symbol.iterator](): MapIterator<[string, GgufValue]> {
    return this.#entries.entries()
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  get(key: string): GgufValue | undefined {
    return this.#entries.get(key)
  }

  string(key: string): string | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    if (value.type !== 'string') throw this.#wrongType(key, value, 'a string')
    return value.value
  }

  bool(key: string): boolean | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    if (value.type !== 'bool') throw this.#wrongType(key, value, 'a boolean')
    return value.value
  }

  /** A number of any numeric type. */
  number(key: string): number | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    switch (value.type) {
      case 'string':
      case 'bool':
      case 'array':
        throw this.#wrongType(key, value, 'a number')
      case 'uint64':
      case 'int64':
        return this.#exact(key, value.value)
      default:
        return value.value
    }
  }

  /** A whole number of any numeric type, at least 0. */
  integer(key: string): number | undefined {
    const value = this.number(key)
    return value === undefined ? undefined : this.#whole(key, value)
  }

  /** `count` whole numbers: an array of that length, or one number that stands for all. */
  integers(key: string, count: number): readonly number[] | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    if (value.type !== 'array') return new Array<number>(count).fill(this.integer(key) ?? 0)
    const items = this.#numeric(key, value)
    if (items.length !== count) {
      throw formatError(this.label, `"${key}" has ${items.length} values where ${count} are needed.`)
    }
    return Array.from(items, (item) => this.#whole(key, item))
  }

  /** The numbers of an array of any numeric type. */
  numbers(key: string): ArrayLike<number> | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    if (value.type !== 'array') throw this.#wrongType(key, value, 'an array of numbers')
    return this.#numeric(key, value)
  }

  strings(key: string): readonly string[] | undefined {
    return this.encodedStrings(key)?.toArray()
  }

  /** An array of strings as it lies in the file. */
  encodedStrings(key: string): GgufStrings | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    if (value.type !== 'array' || value.itemType !== 'string') {
      throw this.#wrongType(key, value, 'an array of strings')
    }
    return value.values
  }

  #numeric(key: string, value: GgufArray): ArrayLike<number> {
    if (value.itemType === 'string' || value.itemType === 'array' || value.itemType === 'bool') {
      throw this.#wrongType(key, value, 'an array of numbers')
    }
    const items = value.values
    if (items instanceof BigUint64Array || items instanceof BigInt64Array) {
      return Array.from(items, (item) => this.#exact(key, item))
    }
    return items
  }

  #exact(key: string, value: bigint): number {
    const number = Number(value)
    if (!Number.isSafeInteger(number))
      throw formatError(this.label, `"${key}" is ${value}, which is too large.`)
    return number
  }

  #whole(key: string, value: number): number {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw formatError(this.label, `"${key}" is ${value}; a whole number is needed.`)
    }
    return value
  }

  #wrongType(key: string, value: GgufValue, wanted: string) {
    const found = value.type === 'array' ? `an array of ${value.itemType}` : `of type ${value.type}`
    return formatError(this.label, `"${key}" is ${found}; ${wanted} is needed.`)
  }
}
