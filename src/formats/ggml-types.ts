/**
 * The tensor types of GGUF files that this package reads, with the sizes of their blocks.
 * Ids and sizes: ggml's type enumeration and block structs, as listed in the GGUF specification.
 */
export interface GgmlType {
  /** Number that stands for the type in files and at the addon's boundary. */
  readonly id: number
  readonly name: string
  /** Elements of one block; a row is a whole number of blocks. */
  readonly blockElements: number
  readonly blockBytes: number
}

const table = [
  [0, 'F32', 1, 4],
  [1, 'F16', 1, 2],
  [2, 'Q4_0', 32, 18],
  [3, 'Q4_1', 32, 20],
  [6, 'Q5_0', 32, 22],
  [7, 'Q5_1', 32, 24],
  [8, 'Q8_0', 32, 34],
  [10, 'Q2_K', 256, 84],
  [11, 'Q3_K', 256, 110],
  [12, 'Q4_K', 256, 144],
  [13, 'Q5_K', 256, 176],
  [14, 'Q6_K', 256, 210],
  [20, 'IQ4_NL', 32, 18],
  [30, 'BF16', 1, 2],
] as const

export type GgmlTypeName = (typeof table)[number][1]

/** Every type that is read, in the order of their ids. */
export const ggmlTypes: readonly GgmlType[] = table.map(([id, name, blockElements, blockBytes]) => ({
  id,
  name,
  blockElements,
  blockBytes,
}))

const byId = new Map(ggmlTypes.map((type) => [type.id, type]))
const byName = new Map(ggmlTypes.map((type) => [type.name, type]))

/** Types that other programs write and this package does not read; named only for error messages. */
const foreignNames: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}

/** The type with this id, or undefined when it is none that is read. */
export function ggmlTypeById(id: number): GgmlType | undefined {
  return byId.get(id)
}

/** The type with this name, for names known at compile time. */
export function ggmlType(name: GgmlTypeName): GgmlType {
  const type = byName.get(name)
  if (!type) throw new Error(`no ggml type ${name}`)
  return type
}

/** Name of any type id, `type 99` for one that no program knows. */
export function ggmlTypeName(id: number): string {
  return byId.get(id)?.name ?? foreignNames[id] ?? `type ${id}`
}

/** True for a type that exists elsewhere but is not read here. */
export function isForeignGgmlType(id: number): boolean {
  return id in foreignNames
}

/**
 * Bytes of one row of `cols` elements.
 * @throws RangeError when cols is not a whole number of blocks
 */
export function rowBytes(type: GgmlType, cols: number): number {
  if (cols % type.blockElements !== 0) {
    throw new RangeError(`${cols} is not a multiple of ${type.name}'s block of ${type.blockElements}`)
  }
  return (cols / type.blockElements) * type.blockBytes
}
