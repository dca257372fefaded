import { GgufStrings } from './strings.js'

/** Names of the metadata value types; the index is the type's number in the file (GGUF specification). */
export const valueTypes = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const

export type GgufValueType = (typeof valueTypes)[number]
export type GgufNumberType =
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'float32'
  | 'float64'
export type GgufBigIntType = 'uint64' | 'int64'

/** Array classes of the item types that are numbers. */
export const numericArrays = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
} as const

export type NumericArray = InstanceType<(typeof numericArrays)[GgufNumberType | GgufBigIntType]>

/** An array of one item type; arrays may nest. Booleans are bytes 0 and 1. */
export type GgufArray =
  | {
      readonly type: 'array'
      readonly itemType: GgufNumberType | GgufBigIntType
      readonly values: NumericArray
    }
  | { readonly type: 'array'; readonly itemType: 'bool'; readonly values: Uint8Array }
  | { readonly type: 'array'; readonly itemType: 'string'; readonly values: GgufStrings }
  | { readonly type: 'array'; readonly itemType: 'array'; readonly values: readonly GgufArray[] }

export type GgufValue =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: GgufBigIntType; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | GgufArray

/** Bytes one value takes at least: what a count in a file is checked against before anything is allocated. */
export const minimumBytes: Readonly<Record<GgufValueType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  array: 12,
  uint64: 8,
  int64: 8,
  float64: 8,
}

/** Short constructors for what writers need. */
export const gguf = {
  string: (value: string): GgufValue => ({ type: 'string', value }),
  uint32: (value: number): GgufValue => ({ type: 'uint32', value }),
  float32: (value: number): GgufValue => ({ type: 'float32', value: Math.fround(value) }),
  bool: (value: boolean): GgufValue => ({ type: 'bool', value }),
  int32s: (values: ArrayLike<number>): GgufValue => ({
    type: 'array',
    itemType: 'int32',
    values: Int32Array.from(values),
  }),
  float32s: (values: ArrayLike<number>): GgufValue => ({
    type: 'array',
    itemType: 'float32',
    values: Float32Array.from(values),
  }),
  strings: (values: readonly string[]): GgufValue => ({
    type: 'array',
    itemType: 'string',
    values: GgufStrings.from(values),
  }),
}
