import { createHash } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeError } from '../convert/atomic-file.js'
import type { OpenElmError } from '../errors.js'
import { type Connection, exchange, withRetries } from './http.js'
import { damagedError, interrupted, networkError, Transient } from './hub-error.js'
import { PartialFile } from './partial-file.js'

/*
 * Why not the downloadFileToCacheDir of @huggingface/hub (2.17): it starts again after a broken connection, checks
 * neither size nor hash, cannot be aborted, and two processes write into the same temporary file.
 */

/** A file of a repository, as the hub's listing announces it. */
export interface RemoteFile {
  readonly path: string
  readonly size: number
  /** Name of its content in the cache: SHA-256 of a file in LFS or Xet, else git's SHA-1 of the blob. */
  readonly etag: string
}

export interface Transfer {
  readonly file: RemoteFile
  readonly url: string
  /** For messages: `owner/name: path`. */
  readonly subject: string
  /** The folder of contents, by etag. */
  readonly blobs: string
  /** Bytes of this file that are here. */
  readonly onProgress: (bytes: number) => void
}

export const isEtag = (text: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)

/**
 * Downloads a file into the folder of contents unless it is there, going on with what an earlier attempt left. It gets
 * its name only after its size and hash were found right.
 * @throws OpenElmError E_NETWORK, E_ACCESS, E_NOT_FOUND, E_CHECKSUM, E_FILE_WRITE, E_ABORTED
 */
export async function download(transfer: Transfer, connection: Connection): Promise<void> {
  const { file, blobs, onProgress } = transfer
  const target = join(blobs, file.etag)
  const isThere = async () => (await stat(target).catch(() => undefined))?.size === file.size
  if (!(await isThere())) {
    await mkdir(blobs, { recursive: true }).catch((cause: unknown) => {
      throw writeError(blobs, cause)
    })
    const partial = await PartialFile.claim(blobs, file.etag, isThere, connection)
    if (partial) await complete(transfer, partial, target, connection)
  }
  onProgress(file.size)
}

async function complete(
  transfer: Transfer,
  partial: PartialFile,
  target: string,
  connection: Connection,
): Promise<void> {
  const { file, subject } = transfer
  let published = false
  try {
    // What an earlier process left may be damaged; what was fetched from the beginning just now may not.
    let fresh = (await partial.size()) === 0
    if ((await partial.size()) > file.size) await partial.restart()
    for (;;) {
      await fetchRest(transfer, partial, connection)
      const hash = await hashOf(partial, file, connection.signal)
      if (hash === file.etag) break
      await partial.restart()
      if (fresh) throw hashError(subject, file, hash)
      connection.onNotice?.(`What an earlier download left of ${file.path} is damaged; starting it again.`)
      fresh = true
    }
    await partial.publish(target)
    published = true
  } finally {
    if (!published) await partial.release()
  }
}

async function fetchRest(transfer: Transfer, partial: PartialFile, connection: Connection): Promise<void> {
  const { file } = transfer
  let received = 0
  await withRetries(
    connection,
    async () => {
      const offset = await partial.size()
      if (offset === file.size) return
      await fetchFrom(offset, transfer, partial, connection, (bytes) => {
        received += bytes
      })
    },
    () => received,
  )
}

async function fetchFrom(
  offset: number,
  { file, url, subject, onProgress }: Transfer,
  partial: PartialFile,
  connection: Connection,
  onReceived: (bytes: number) => void,
): Promise<void> {
  // Ranges count bytes of the file itself; a compressed answer would not.
  const headers = {
    'accept-encoding': 'identity',
    ...(offset > 0 ? { range: `bytes=${offset}-` } : {}),
  }
  await exchange(url, headers, subject, connection, async (response, alive) => {
    let position = startOf(response, offset, file, subject)
    if (position === 0 && offset > 0) await partial.restart()
    onProgress(position)
    for await (const chunk of response.body ?? []) {
      alive()
      if (position + chunk.length > file.size) {
        throw damagedError(subject, `It is longer than the ${file.size} bytes it should have.`)
      }
      await partial.write(chunk, position)
      position += chunk.length
      onReceived(chunk.length)
      onProgress(position)
    }
    if (position < file.size) throw new Transient(networkError(subject, 'The connection broke.'))
  })
}

/**
 * Where the bytes of an answer belong; a server may ignore the range that was asked for and send everything.
 * @throws OpenElmError E_CHECKSUM when the answer states another size
 */
function startOf(response: Response, offset: number, file: RemoteFile, subject: string): number {
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? []
  const partial = response.status === 206
  const compressed = response.headers.has('content-encoding')
  const length = partial ? total : compressed ? null : response.headers.get('content-length')
  if (length !== undefined && length !== null && Number(length) !== file.size) {
    throw damagedError(subject, `It has ${length} bytes instead of ${file.size}.`)
  }
  if (!partial) return 0
  if (Number(first) !== offset)
    throw damagedError(subject, 'The server sent another part than was asked for.')
  return offset
}

/** The hash that an etag of this file would be: SHA-256, or the SHA-1 of git's blob object. */
async function hashOf(
  partial: PartialFile,
  { etag, size }: RemoteFile,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
  for await (const bytes of partial.read()) {
    if (signal?.aborted) throw interrupted(signal.reason)
    hash.update(bytes)
  }
  return hash.digest('hex')
}

const hashError = (subject: string, { etag }: RemoteFile, hash: string): OpenElmError =>
  damagedError(subject, `Its hash is ${hash.slice(0, 12)}… instead of ${etag.slice(0, 12)}….`)
