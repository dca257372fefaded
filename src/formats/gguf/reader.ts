import type { ByteSource } from '../byte-source.js'
import { formatError, unsupportedError } from '../format-error.js'
import { type GgmlType, ggmlTypeById, ggmlTypeName, isForeignGgmlType, rowBytes } from '../ggml-types.js'
import { HeaderCursor } from './cursor.js'
import { GgufMetadata } from './metadata.js'
import { ValueReader } from './read-value.js'
import type { GgufValue } from './values.js'

/** `GGUF` in file order. */
export const ggufMagic = 0x46554747
export const defaultAlignment = 32
const versions = [2, 3]
/** Bounds that real files stay far below; they keep a hostile header from costing memory or time. */
const limits = {
  metadata: 2 ** 16,
  tensors: 2 ** 16,
  keyBytes: 2 ** 16 - 1,
  nameBytes: 64,
  dims: 4,
  alignment: 2 ** 20,
}
/** Bytes that a key-value pair and a tensor description take at least. */
const minimum = { pair: 13, tensor: 32 }

/** One tensor of a file. `dims` are in the file's order: dims[0] is the contiguous one, the length of a row. */
export interface GgufTensor {
  readonly name: string
  readonly type: GgmlType
  readonly dims: readonly number[]
  readonly rows: number
  readonly cols: number
  /** Bytes from the start of the file. */
  readonly offset: number
  readonly bytes: number
}

export interface GgufFile {
  readonly version: number
  readonly alignment: number
  readonly metadata: GgufMetadata
  /** In file order. */
  readonly tensors: readonly GgufTensor[]
  /** Where tensor data begins. */
  readonly dataOffset: number
}

/** True when the source starts like a GGUF file of any version. */
export function isGguf(source: ByteSource): boolean {
  return source.size >= 4 && Buffer.from(source.read(0, 4)).readUInt32LE(0) === ggufMagic
}

/**
 * Parses the header of a GGUF file, version 2 or 3 (specification: docs/gguf.md of ggml). Everything that later code
 * relies on is checked here: counts, lengths, types, shapes, alignment, and that no tensor leaves the file or
 * overlaps another.
 * @param label what messages call the file
 * @throws OpenElmError E_FORMAT for a damaged file, E_UNSUPPORTED for versions and tensor types not read here
 */
export function readGguf(source: ByteSource, label: string): GgufFile {
  const cursor = new HeaderCursor(source, label)
  const version = readVersion(cursor, label)
  const tensorCount = cursor.count('the tensor count', minimum.tensor, limits.tensors)
  const metadataCount = cursor.count('the metadata count', minimum.pair, limits.metadata)
  const metadata = readMetadata(cursor, label, metadataCount)
  const alignment = alignmentOf(metadata, label)
  const described: TensorDescription[] = []
  for (let i = 0; i < tensorCount; i++) described.push(describeTensor(cursor, label, i))
  const dataOffset = alignUp(cursor.offset, alignment)
  const tensors = described.map((tensor) => placeTensor(tensor, source.size, dataOffset, alignment, label))
  checkNames(tensors, label)
  checkOverlap(tensors, label)
  return { version, alignment, metadata, tensors, dataOffset }
}

/** `offset` rounded up to a multiple of `alignment`. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}

function readVersion(cursor: HeaderCursor, label: string): number {
  const magic = cursor.uint32('the magic number')
  if (magic !== ggufMagic) throw formatError(label, 'It does not start with "GGUF".')
  const version = cursor.uint32('the version')
  if (versions.includes(version)) return version
  if (version !== 0 && (version & 0xffff) === 0)
    throw unsupportedError(label, 'It is a big-endian GGUF file.')
  throw unsupportedError(label, `It is a GGUF file of version ${version}; versions 2 and 3 are read.`)
}

function readMetadata(cursor: HeaderCursor, label: string, count: number): GgufMetadata {
  const values = new ValueReader(cursor, label)
  const entries = new Map<string, GgufValue>()
  for (let i = 0; i < count; i++) {
    const key = readName(cursor, label, `metadata key ${i}`, limits.keyBytes)
    if (entries.has(key)) throw formatError(label, `The metadata key "${key}" is there twice.`)
    entries.set(key, values.read(key))
  }
  return new GgufMetadata(label, entries)
}

/** Names are printed to terminals: control characters and broken UTF-8 are refused. */
function readName(cursor: HeaderCursor, label: string, what: string, limit: number): string {
  const name = cursor.string(what, limit)
  if (name.length === 0) throw formatError(label, `${what} is empty.`)
  if (/[\p{Cc}\ufffd]/u.test(name)) throw formatError(label, `${what} has characters that no name has.`)
  return name
}

function alignmentOf(metadata: GgufMetadata, label: string): number {
  const alignment = metadata.integer('general.alignment') ?? defaultAlignment
  const powerOfTwo = alignment > 0 && Number.isInteger(Math.log2(alignment))
  if (!powerOfTwo || alignment > limits.alignment) {
    throw formatError(label, `"general.alignment" is ${alignment}; a power of two is needed.`)
  }
  return alignment
}

interface TensorDescription {
  readonly name: string
  readonly type: GgmlType
  readonly dims: readonly number[]
  /** Relative to the data section. */
  readonly offset: number
}

function describeTensor(cursor: HeaderCursor, label: string, index: number): TensorDescription {
  const name = readName(cursor, label, `the name of tensor ${index}`, limits.nameBytes)
  const dimCount = cursor.uint32(`the dimension count of ${name}`)
  if (dimCount < 1 || dimCount > limits.dims) {
    throw formatError(label, `Tensor ${name} has ${dimCount} dimensions; 1 to ${limits.dims} are possible.`)
  }
  const dims: number[] = []
  for (let i = 0; i < dimCount; i++) dims.push(cursor.uint64(`dimension ${i} of ${name}`))
  const typeId = cursor.uint32(`the type of ${name}`)
  const type = ggmlTypeById(typeId)
  if (type === undefined) {
    const why = `Tensor ${name} has the type ${ggmlTypeName(typeId)}, which is not supported.`
    throw isForeignGgmlType(typeId) ? unsupportedError(label, why) : formatError(label, why)
  }
  return { name, type, dims, offset: cursor.uint64(`the offset of ${name}`) }
}

function placeTensor(
  tensor: TensorDescription,
  fileSize: number,
  dataOffset: number,
  alignment: number,
  label: string,
): GgufTensor {
  const { name, type, dims } = tensor
  const cols = dims[0] ?? 0
  const elements = dims.reduce((product, dim) => product * dim, 1)
  if (elements < 1 || !Number.isSafeInteger(elements) || dims.some((dim) => dim > 2 ** 40)) {
    throw formatError(label, `Tensor ${name} has the impossible shape ${dims.join(' × ')}.`)
  }
  if (cols % type.blockElements !== 0) {
    throw formatError(
      label,
      `Tensor ${name} has rows of ${cols}, not a multiple of ${type.name}'s block of ${type.blockElements}.`,
    )
  }
  if (tensor.offset % alignment !== 0) {
    throw formatError(label, `Tensor ${name} starts at ${tensor.offset}, not a multiple of ${alignment}.`)
  }
  const rows = elements / cols
  const bytes = rows * rowBytes(type, cols)
  const offset = dataOffset + tensor.offset
  if (offset + bytes > fileSize) {
    throw formatError(
      label,
      `Tensor ${name} ends at byte ${offset + bytes}, but the file has only ${fileSize} bytes.`,
    )
  }
  return { name, type, dims, rows, cols, offset, bytes }
}

function checkNames(tensors: readonly GgufTensor[], label: string): void {
  const names = new Set<string>()
  for (const { name } of tensors) {
    if (names.has(name)) throw formatError(label, `The tensor ${name} is there twice.`)
    names.add(name)
  }
}

function checkOverlap(tensors: readonly GgufTensor[], label: string): void {
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset)
  for (let i = 1; i < sorted.length; i++) {
    const [before, after] = [sorted[i - 1], sorted[i]]
    if (before && after && before.offset + before.bytes > after.offset) {
      throw formatError(label, `The tensors ${before.name} and ${after.name} overlap.`)
    }
  }
}
