import * as z from 'zod'
import type { ByteSource } from '../byte-source.js'
import { formatError } from '../format-error.js'

/** Bytes of one element; names as in the safetensors format. */
const dtypeBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const

export type SafetensorsDtype = keyof typeof dtypeBytes

export interface SafetensorsTensor {
  readonly name: string
  readonly dtype: SafetensorsDtype
  /** Row-major: the last dimension is contiguous. */
  readonly shape: readonly number[]
  /** Bytes from the start of the file. */
  readonly offset: number
  readonly bytes: number
}

export interface SafetensorsFile {
  /** In file order. */
  readonly tensors: readonly SafetensorsTensor[]
  /** The free text pairs under `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>
}

/** A header of 130 tensors has about 20 kB; the reference implementation's bound of 100 MB serves no one. */
const headerLimit = 16 * 2 ** 20
const lengthBytes = 8

const size = z.int().min(0)
const entrySchema = z.object({
  dtype: z.enum(Object.keys(dtypeBytes) as [SafetensorsDtype, ...SafetensorsDtype[]]),
  shape: z.array(size).max(8),
  data_offsets: z.tuple([size, size]),
})
const metadataSchema = z.record(z.string(), z.string())

/**
 * Parses the header of a safetensors file (format: u64 length, JSON, data). Checked: length, JSON, types, shapes,
 * that every range has the size of its shape, and that the ranges tile the data without hole or overlap, as the
 * format demands. That last check also catches names given twice, of which JSON keeps one.
 * @param label what messages call the file
 * @throws OpenElmError E_FORMAT
 */
export function readSafetensors(source: ByteSource, label: string): SafetensorsFile {
  const { json, dataOffset } = readHeader(source, label)
  const { __metadata__: metadata, ...entries } = json
  const tensors = Object.entries(entries)
    .map(([name, entry]) => readEntry(name, entry, dataOffset, label))
    .sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  checkTiling(tensors, dataOffset, source.size, label)
  const pairs = metadataSchema.safeParse(metadata ?? {})
  if (!pairs.success) throw formatError(label, 'Its "__metadata__" holds something else than text.')
  return { tensors, metadata: new Map(Object.entries(pairs.data)) }
}

function readHeader(source: ByteSource, label: string) {
  if (source.size < lengthBytes + 2) throw formatError(label, `It has only ${source.size} bytes.`)
  const length = Buffer.from(source.read(0, lengthBytes)).readBigUInt64LE(0)
  if (length > BigInt(headerLimit) || Number(length) > source.size - lengthBytes) {
    throw formatError(label, `Its header claims to have ${length} bytes.`)
  }
  const bytes = source.read(lengthBytes, Number(length))
  const json = parseObject(new TextDecoder().decode(bytes), label)
  return { json, dataOffset: lengthBytes + Number(length) }
}

function parseObject(text: string, label: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw formatError(label, 'Its header is not JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw formatError(label, 'Its header is not a JSON object.')
  }
  return { ...value }
}

function readEntry(name: string, entry: unknown, dataOffset: number, label: string): SafetensorsTensor {
  if (name.length === 0 || name.length > 512 || /[\p{Cc}\ufffd]/u.test(name)) {
    throw formatError(label, 'A tensor has a name that no tensor has.')
  }
  const parsed = entrySchema.safeParse(entry)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw formatError(label, `Tensor ${name}: ${issue?.path.join('.')}: ${issue?.message}.`)
  }
  const { dtype, shape, data_offsets: range } = parsed.data
  const bytes = shape.reduce((product, dim) => product * dim, dtypeBytes[dtype])
  if (!Number.isSafeInteger(bytes) || range[1] - range[0] !== bytes) {
    throw formatError(
      label,
      `Tensor ${name} takes bytes ${range.join(' to ')}, which does not fit ${dtype} [${shape.join(', ')}].`,
    )
  }
  return { name, dtype, shape, offset: dataOffset + range[0], bytes }
}

function checkTiling(
  tensors: readonly SafetensorsTensor[],
  dataOffset: number,
  fileSize: number,
  label: string,
): void {
  let end = dataOffset
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) {
      const fault = offset < end ? 'overlaps the one before it' : 'leaves a hole before it'
      throw formatError(label, `Tensor ${name} ${fault}.`)
    }
    end += bytes
  }
  if (end !== fileSize) {
    throw formatError(label, `Its tensors end at byte ${end}, but the file has ${fileSize} bytes.`)
  }
}
