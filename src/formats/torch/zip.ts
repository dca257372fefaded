import type { ByteSource } from '../byte-source.js'
import { formatError, unsupportedError } from '../format-error.js'

/** Where the bytes of an uncompressed entry lie in its archive. */
export interface StoredEntry {
  readonly offset: number
  readonly bytes: number
}

const endSignature = 0x06054b50
const end64Signature = 0x06064b50
const locatorSignature = 0x07064b50
const directorySignature = 0x02014b50
const localSignature = 0x04034b50

const endBytes = 22
const locatorBytes = 20
const end64Bytes = 56
const directoryEntryBytes = 46
const localBytes = 30
/** Tag of the extra field that holds what does not fit 32 bits. */
const extra64 = 1

/** A checkpoint has a few hundred entries with short names. */
const directoryLimit = 16 * 2 ** 20
const entryLimit = 2 ** 16

/** True for a file that begins as a zip archive does. */
export function isZip(source: ByteSource): boolean {
  return source.size >= localBytes && viewOf(source, 0, 4).getUint32(0, true) === localSignature
}

/**
 * The entries of a zip archive whose contents are stored, not compressed (APPNOTE 6.3, with zip64), by name: ranges of
 * the file, checked to lie before the directory. Checksums are not verified.
 * @param label what messages call the file
 * @throws OpenElmError E_FORMAT; E_UNSUPPORTED for entries that are compressed or encrypted
 */
export function readStoredZip(source: ByteSource, label: string): ReadonlyMap<string, StoredEntry> {
  const { count, offset, bytes } = findDirectory(source, label)
  const view = viewOf(source, offset, bytes)
  const entries = new Map<string, StoredEntry>()
  let at = 0
  for (let i = 0; i < count; i++) {
    const entry = readDirectoryEntry(view, at, label)
    if (entries.has(entry.name)) throw formatError(label, `Its entry ${entry.name} is there twice.`)
    const start = dataStart(source, entry, offset, label)
    entries.set(entry.name, { offset: start, bytes: entry.bytes })
    at = entry.next
  }
  return entries
}

/** Callers check the range before. */
function viewOf(source: ByteSource, offset: number, length: number): DataView {
  const bytes = source.read(offset, length)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function findDirectory(source: ByteSource, label: string) {
  const tailOffset = Math.max(0, source.size - endBytes - 0xffff)
  const tail = viewOf(source, tailOffset, source.size - tailOffset)
  for (let at = tail.byteLength - endBytes; at >= 0; at--) {
    if (tail.getUint32(at, true) !== endSignature) continue
    // The archive's comment is all that may follow.
    if (at + endBytes + tail.getUint16(at + 20, true) !== tail.byteLength) continue
    const end = tailOffset + at
    const found = readEnd64(source, end, label) ?? {
      count: tail.getUint16(at + 10, true),
      bytes: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
    }
    if (found.count > entryLimit || found.bytes > directoryLimit || found.offset + found.bytes > end) {
      throw formatError(label, `Its directory of ${found.count} entries is not where it should be.`)
    }
    return found
  }
  throw formatError(label, 'It has no directory of a zip archive at its end.')
}

/** The end of a zip64 archive, when one precedes the usual end. */
function readEnd64(source: ByteSource, end: number, label: string) {
  if (end < locatorBytes + end64Bytes) return undefined
  const locator = viewOf(source, end - locatorBytes, locatorBytes)
  if (locator.getUint32(0, true) !== locatorSignature) return undefined
  const at = exact(locator.getBigUint64(8, true), label)
  if (at + end64Bytes > end - locatorBytes) throw formatError(label, 'Its zip64 directory lies outside.')
  const record = viewOf(source, at, end64Bytes)
  if (record.getUint32(0, true) !== end64Signature)
    throw formatError(label, 'Its zip64 directory is damaged.')
  return {
    count: exact(record.getBigUint64(32, true), label),
    bytes: exact(record.getBigUint64(40, true), label),
    offset: exact(record.getBigUint64(48, true), label),
  }
}

function exact(value: bigint, label: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
  throw formatError(label, `A size or position in its directory is ${value}.`)
}

interface DirectoryEntry {
  readonly name: string
  readonly bytes: number
  /** Of the local header. */
  readonly offset: number
  /** Where the next entry begins in the directory. */
  readonly next: number
}

function readDirectoryEntry(view: DataView, at: number, label: string): DirectoryEntry {
  if (at + directoryEntryBytes > view.byteLength || view.getUint32(at, true) !== directorySignature) {
    throw formatError(label, 'Its directory is damaged.')
  }
  const nameBytes = view.getUint16(at + 28, true)
  const extraBytes = view.getUint16(at + 30, true)
  const extraAt = at + directoryEntryBytes + nameBytes
  const next = extraAt + extraBytes + view.getUint16(at + 32, true)
  if (next > view.byteLength) throw formatError(label, 'Its directory is cut.')
  const nameAt = view.byteOffset + at + directoryEntryBytes
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, nameAt, nameBytes))
  if (name === '' || /[\p{Cc}\ufffd]/u.test(name)) {
    throw formatError(label, 'An entry has a name that no entry has.')
  }
  if ((view.getUint16(at + 8, true) & 1) !== 0 || view.getUint16(at + 10, true) !== 0) {
    throw unsupportedError(
      label,
      `Its entry ${name} is compressed or encrypted.`,
      'Save it with torch.save, which stores.',
    )
  }
  const wide = wideFields(view, extraAt, extraBytes, label)
  const field = (offset: number) => {
    const value = view.getUint32(at + offset, true)
    return value === 0xffffffff ? wide() : value
  }
  // In the order in which the extra field has what is missing.
  const [bytes, stored, offset] = [field(24), field(20), field(42)]
  if (bytes !== stored) throw formatError(label, `Its entry ${name} has ${stored} bytes of ${bytes}.`)
  return { name, bytes, offset, next }
}

/** Gives one value of the zip64 extra field after the other. */
function wideFields(view: DataView, start: number, length: number, label: string): () => number {
  const end = start + length
  let at = start
  let limit = start
  while (at + 4 <= end) {
    const bytes = view.getUint16(at + 2, true)
    const isWide = view.getUint16(at, true) === extra64
    at += 4
    if (isWide) {
      limit = Math.min(end, at + bytes)
      break
    }
    at += bytes
  }
  return () => {
    if (at + 8 > limit) throw formatError(label, 'A size of its directory is missing.')
    at += 8
    return exact(view.getBigUint64(at - 8, true), label)
  }
}

/** The contents follow a local header, whose name and extra field may be longer than the directory's. */
function dataStart(source: ByteSource, entry: DirectoryEntry, limit: number, label: string): number {
  const outside = () => formatError(label, `Its entry ${entry.name} lies outside the file.`)
  if (entry.offset + localBytes > limit) throw outside()
  const local = viewOf(source, entry.offset, localBytes)
  if (local.getUint32(0, true) !== localSignature) {
    throw formatError(label, `Its entry ${entry.name} does not begin where the directory says.`)
  }
  const start = entry.offset + localBytes + local.getUint16(26, true) + local.getUint16(28, true)
  if (start + entry.bytes > limit) throw outside()
  return start
}
