import * as z from 'zod'
import { OpenElmError } from '../../errors.js'
import type { KvType } from '../../native/binding.js'
import { type Computed, kernelsName } from '../computed-by.js'

/**
 * A file of a prompt: 16 bytes that say what it is, the length of the header (u32), the header (JSON, UTF-8), the token ids
 * (i32), for each layer its keys and values as the addon gives them, and the SHA-256 of all that. Numbers are
 * little-endian.
 */
export const MAGIC = Buffer.from('OpenELM prompt\x00\x01', 'latin1')
export const HASH_BYTES = 32
export const PREFIX_BYTES = MAGIC.length + 4
const MAX_HEADER = 65536
const MAX_TOKENS = 1 << 24

/** What keys and values depend on. */
export interface PromptCacheKey {
  readonly model: string
  readonly fingerprint: string
  /** What computes: the processor's kernels and, where a GPU has layers, its kind and how many. */
  readonly isa: string
  readonly kvType: KvType
  readonly nBatch: number
}

/** The same for a session; the fingerprint takes some reading. */
export type PromptCacheForm = Omit<PromptCacheKey, 'fingerprint'> & { readonly fingerprint: () => string }

/** The `isa` of a model's key. */
export const kernelsOf = (
  model: Pick<Computed, 'isa' | 'activations' | 'gpuLayers'> & { readonly backend: string },
): string =>
  model.backend === 'cpu' ? kernelsName(model) : `${kernelsName(model)}, ${model.backend} ${model.gpuLayers}`

export const keyOf = (form: PromptCacheForm): PromptCacheKey => ({ ...form, fingerprint: form.fingerprint() })

const headerSchema = z.strictObject({
  model: z.string(),
  fingerprint: z.string(),
  isa: z.string(),
  kvType: z.string(),
  nBatch: z.int().min(1),
  tokens: z.int().min(1).max(MAX_TOKENS),
  /** Bytes of a position in each layer. */
  layers: z
    .array(
      z
        .int()
        .min(1)
        .max(2 ** 24),
    )
    .min(1)
    .max(4096),
})
export type PromptCacheHeader = z.output<typeof headerSchema>

export function writeHeader(header: PromptCacheHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return Buffer.concat([MAGIC, length, json])
}

/** Bytes of a whole file. */
export const fileBytes = (headerBytes: number, { tokens, layers }: PromptCacheHeader): number =>
  PREFIX_BYTES +
  headerBytes +
  4 * tokens +
  layers.reduce((sum, bytes) => sum + bytes * tokens, 0) +
  HASH_BYTES

/** Length of the header of a file that begins with `prefix` and has `size` bytes. @throws OpenElmError E_FORMAT */
export function headerLength(prefix: Buffer, size: number, path: string): number {
  if (prefix.length < PREFIX_BYTES || !prefix.subarray(0, MAGIC.length - 1).equals(MAGIC.subarray(0, -1))) {
    throw damaged(path, 'It does not begin as one.')
  }
  if (prefix[MAGIC.length - 1] !== MAGIC.at(-1)) {
    throw damaged(path, 'It was written by another version of openelm.')
  }
  const length = prefix.readUInt32LE(MAGIC.length)
  if (length > MAX_HEADER || PREFIX_BYTES + length + HASH_BYTES > size) {
    throw damaged(path, 'It is shorter than it says.')
  }
  return length
}

/** @throws OpenElmError E_FORMAT */
export function parseHeader(bytes: Buffer, size: number, path: string): PromptCacheHeader {
  let header: PromptCacheHeader
  try {
    header = headerSchema.parse(JSON.parse(bytes.toString('utf8')))
  } catch {
    throw damaged(path, 'Its header makes no sense.')
  }
  const expected = fileBytes(bytes.length, header)
  if (expected !== size) throw damaged(path, `It has ${size} bytes instead of ${expected}.`)
  return header
}

/** What differs between a file and a session, in words; undefined where nothing does. */
function difference(header: PromptCacheHeader, key: PromptCacheKey): string | undefined {
  if (header.fingerprint !== key.fingerprint) {
    return header.model === key.model
      ? `It was made with another file of ${header.model}.`
      : `It was made with ${header.model}; this is ${key.model}.`
  }
  if (header.kvType !== key.kvType) return `Its kv type is ${header.kvType}, not ${key.kvType}.`
  if (header.isa !== key.isa) return `It was made with the ${header.isa} kernels; these are ${key.isa}.`
  if (header.nBatch !== key.nBatch)
    return `It was made with a batch size of ${header.nBatch}, not ${key.nBatch}.`
  return undefined
}

/** @throws OpenElmError E_PROMPT_CACHE */
export function assertSame(header: PromptCacheHeader, key: PromptCacheKey, path: string): void {
  const why = difference(header, key)
  if (why === undefined) return
  throw new OpenElmError('E_PROMPT_CACHE', `The prompt cache "${path}" cannot be used here.`, {
    why,
    next: 'Name another file for this model and these options, or delete it.',
  })
}

/** The error for a file that is not a prompt cache, or no longer. */
export const damaged = (path: string, why: string): OpenElmError =>
  new OpenElmError('E_FORMAT', `"${path}" is not a prompt cache that can be read.`, {
    why,
    next: 'Delete it, or name another file.',
  })
