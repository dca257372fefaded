import { createHash, type Hash, randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { OpenElmError } from '../../errors.js'
import type { NativeSession } from '../../native/binding.js'
import {
  assertSame,
  damaged,
  HASH_BYTES,
  headerLength,
  keyOf,
  PREFIX_BYTES,
  type PromptCacheForm,
  type PromptCacheHeader,
  parseHeader,
  writeHeader,
} from './header.js'

export type { PromptCacheForm } from './header.js'

/** What a file holds, and how much of it was taken. */
export interface LoadedPrompt {
  readonly ids: Int32Array
  readonly taken: number
}

/**
 * Fills a session's cache with the beginning of `ids` as far as a file has it; at least one of `ids` is left over.
 * Where there is no file nothing is taken.
 * @throws OpenElmError E_PROMPT_CACHE, E_FORMAT, E_CHECKSUM, E_FILE_READ
 */
export async function loadPromptCache(
  path: string,
  ids: Int32Array,
  form: PromptCacheForm,
  session: NativeSession,
  nCtx: number,
): Promise<LoadedPrompt> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ids: new Int32Array(0), taken: 0 }
    throw readError(path, error)
  }
  try {
    return await load(new Reader(file, path), ids, form, session, nCtx)
  } catch (error) {
    throw error instanceof OpenElmError ? error : readError(path, error)
  } finally {
    await file.close()
  }
}

async function load(
  reader: Reader,
  ids: Int32Array,
  form: PromptCacheForm,
  session: NativeSession,
  nCtx: number,
): Promise<LoadedPrompt> {
  const { path } = reader
  const size = await reader.size()
  const prefix = await reader.read(Math.min(PREFIX_BYTES, size))
  const header = parseHeader(await reader.read(headerLength(prefix, size, path)), size, path)
  assertSame(header, keyOf(form), path)
  const { tokens, layers } = header
  if (layers.some((bytes, layer) => bytes !== session.kvPositionBytes(layer))) {
    throw damaged(path, 'Its layers have other sizes than those of the model.')
  }
  const known = toIds(await reader.read(4 * tokens))
  const limit = Math.min(tokens, ids.length - 1, nCtx)
  let common = 0
  while (common < limit && known[common] === ids[common]) common++
  const taken = session.reusable(common, tokens, ids.length)
  // All of it is read even so: a file that is damaged is told, not used as far as it goes.
  for (const [layer, bytes] of layers.entries()) {
    session.writeKv(layer, await reader.read(bytes * tokens), tokens, taken)
  }
  const expected = reader.digest()
  if (!expected.equals(await reader.read(HASH_BYTES))) {
    throw new OpenElmError('E_CHECKSUM', `The prompt cache "${path}" is damaged.`, {
      why: 'Its checksum does not match.',
      next: 'Delete it; it is made anew.',
    })
  }
  return { ids: known, taken }
}

/** Reads a file from its beginning and hashes what it reads. */
class Reader {
  readonly path: string
  readonly #file: FileHandle
  readonly #hash: Hash = createHash('sha256')

  constructor(file: FileHandle, path: string) {
    this.#file = file
    this.path = path
  }

  async size(): Promise<number> {
    const stat = await this.#file.stat()
    if (!stat.isFile()) throw damaged(this.path, 'It is not a file.')
    return stat.size
  }

  async read(length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length)
    let at = 0
    while (at < length) {
      const { bytesRead } = await this.#file.read(bytes, at, length - at)
      if (bytesRead === 0) throw damaged(this.path, 'It became shorter while it was read.')
      at += bytesRead
    }
    this.#hash.update(bytes)
    return bytes
  }

  /** Of all that was read so far. */
  digest(): Buffer {
    return this.#hash.copy().digest()
  }
}

function toIds(bytes: Buffer): Int32Array {
  const ids = new Int32Array(bytes.length / 4)
  for (let i = 0; i < ids.length; i++) ids[i] = bytes.readInt32LE(4 * i)
  return ids
}

function fromIds(ids: Int32Array): Buffer {
  const bytes = Buffer.alloc(4 * ids.length)
  for (const [i, id] of ids.entries()) bytes.writeInt32LE(id, 4 * i)
  return bytes
}

/**
 * Writes the first tokens of a session's cache to a temporary file beside `path`, syncs it and renames it. Readable by its
 * owner only, as prompts are.
 * @throws OpenElmError E_FILE_WRITE
 */
export async function savePromptCache(
  path: string,
  ids: Int32Array,
  form: PromptCacheForm,
  session: NativeSession,
): Promise<void> {
  const layers: number[] = []
  for (let bytes = session.kvPositionBytes(0); bytes > 0; bytes = session.kvPositionBytes(layers.length)) {
    layers.push(bytes)
  }
  const header: PromptCacheHeader = { ...keyOf(form), tokens: ids.length, layers }
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  let made = false
  try {
    const file = await open(temporary, 'wx', 0o600)
    made = true
    try {
      await writeAll(file, header, ids, session)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    if (made) await rm(temporary, { force: true }).catch(() => {})
    throw new OpenElmError('E_FILE_WRITE', `The prompt cache "${path}" could not be written.`, {
      why: error instanceof Error ? error.message : String(error),
      next: 'Check that the folder can be written to and has space left.',
      cause: error,
    })
  }
}

async function writeAll(
  file: FileHandle,
  header: PromptCacheHeader,
  ids: Int32Array,
  session: NativeSession,
): Promise<void> {
  const hash = createHash('sha256')
  const write = async (bytes: Uint8Array) => {
    hash.update(bytes)
    await file.writeFile(bytes)
  }
  await write(writeHeader(header))
  await write(fromIds(ids))
  for (let layer = 0; layer < header.layers.length; layer++) {
    await write(session.readKv(layer, ids.length))
  }
  await file.writeFile(hash.digest())
}

const readError = (path: string, error: unknown) =>
  new OpenElmError('E_FILE_READ', `The prompt cache "${path}" cannot be read.`, {
    why: error instanceof Error ? error.message : String(error),
    next: 'Check the path given with --prompt-cache.',
    cause: error,
  })
