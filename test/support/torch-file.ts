import { ByteWriter } from './byte-writer.js'

export type TorchStorageName = 'FloatStorage' | 'HalfStorage' | 'BFloat16Storage' | 'LongStorage'

/** A tensor with a storage of its own. */
export interface TorchFixture {
  readonly storage: TorchStorageName
  readonly shape: readonly number[]
  /** All of the storage. */
  readonly data: Uint8Array
  /** Elements before the first, and steps, where they are not those of a contiguous tensor. */
  readonly offset?: number
  readonly strides?: readonly number[]
  /** What the pickle claims, where that is not the truth. */
  readonly elements?: number
}

const elementBytes = { FloatStorage: 4, HalfStorage: 2, BFloat16Storage: 2, LongStorage: 8 }

/** Opcodes of pickle's protocol 2, as torch.save writes them. */
export class PickleWriter extends ByteWriter {
  text(value: string): this {
    return this.tag('X').u32(Buffer.byteLength(value)).bytes(Buffer.from(value))
  }

  int(value: number): this {
    const part = Buffer.alloc(4)
    part.writeInt32LE(value)
    return this.tag('J').bytes(part)
  }

  global(module: string, name: string): this {
    return this.tag(`c${module}\n${name}\n`)
  }
}

const newDict = (out: PickleWriter) => out.global('collections', 'OrderedDict').tag(')R')

function writeTensor(out: PickleWriter, key: string, tensor: TorchFixture, parameter: boolean): void {
  const { storage, shape, data } = tensor
  const steps = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1))
  if (parameter) out.global('torch._utils', '_rebuild_parameter').tag('(')
  out.global('torch._utils', '_rebuild_tensor_v2').tag('((')
  out.text('storage').global('torch', storage).text(key).text('cpu')
  out.int(tensor.elements ?? data.length / elementBytes[storage]).tag('tQ')
  out.int(tensor.offset ?? 0)
  for (const list of [shape, tensor.strides ?? steps]) {
    out.tag('(')
    for (const item of list) out.int(item)
    out.tag('t')
  }
  out.tag('\x89')
  newDict(out).tag('tR')
  if (parameter) newDict(out.tag('\x88')).tag('tR')
}

export interface TorchFileOptions {
  /** The state dict is the value of this key, beside an epoch, as training programs save it. */
  readonly under?: string
  /** Tensors are parameters, as of a dict of a module's parameters. */
  readonly parameters?: boolean
}

/** data.pkl of a state dict. */
export function torchPickle(
  tensors: ReadonlyMap<string, TorchFixture>,
  { under, parameters = false }: TorchFileOptions = {},
): Buffer {
  const out = new PickleWriter().tag('\x80\x02')
  if (under !== undefined) out.tag('}q\x00(').text('epoch').int(3).text('loss').tag('G').f64(0).text(under)
  newDict(out).tag('q\x01(')
  let key = 0
  for (const [name, tensor] of tensors) writeTensor(out.text(name), `${key++}`, tensor, parameters)
  out.tag('u}').text('_metadata').tag('h\x01sb')
  if (under !== undefined) out.tag('u')
  return out.tag('.').done()
}

export interface ZipEntry {
  readonly name: string
  readonly data: Uint8Array
}

/** An archive of stored entries, padded to 64 bytes as torch.save does it; `zip64` puts all sizes into extra fields. */
export function storedZip(entries: readonly ZipEntry[], { zip64 = false, method = 0 } = {}): Buffer {
  const out = new ByteWriter()
  const directory = new ByteWriter()
  let at = 0
  for (const { name, data } of entries) {
    const header = 30 + name.length + 4
    const padding = (64 - ((at + header) % 64)) % 64
    const sizes = zip64 ? [0xffffffff, 0xffffffff] : [data.length, data.length]
    const common = new ByteWriter()
      .u16s(20, 0x0800, method, 0, 0)
      .u32(0)
      .u32(sizes[0] ?? 0)
      .u32(sizes[1] ?? 0)
    const shared = common.u16s(name.length).done()
    out
      .tag('PK\x03\x04')
      .bytes(shared)
      .u16s(padding + 4)
      .bytes(Buffer.from(name))
    out.tag('FB').u16s(padding).bytes(new Uint8Array(padding)).bytes(data)
    const extra = zip64
      ? new ByteWriter().u16s(0x9999, 2, 7, 1, 24).u64(data.length).u64(data.length).u64(at).done()
      : Buffer.alloc(0)
    directory.tag('PK\x01\x02').u16s(45).bytes(shared).u16s(extra.length, 0, 0, 0).u32(0)
    directory
      .u32(zip64 ? 0xffffffff : at)
      .bytes(Buffer.from(name))
      .bytes(extra)
    at += header + padding + data.length
  }
  const { length } = directory.done()
  const count = entries.length
  out.bytes(directory.done())
  if (zip64) {
    out.tag('PK\x06\x06').u64(44).u16s(45, 45).u32(0).u32(0).u64(count).u64(count).u64(length).u64(at)
    out
      .tag('PK\x06\x07')
      .u32(0)
      .u64(at + length)
      .u32(1)
  }
  const last = zip64 ? [0xffff, 0xffffffff] : [count, at]
  out.tag('PK\x05\x06').u16s(0, 0, last[0] ?? 0, last[0] ?? 0)
  return out
    .u32(zip64 ? 0xffffffff : length)
    .u32(last[1] ?? 0)
    .u16s(0)
    .done()
}

/** Entries of a .pt file, in the order of torch.save. */
export function torchEntries(pickle: Uint8Array, storages: readonly Uint8Array[]): ZipEntry[] {
  return [
    { name: 'archive/data.pkl', data: pickle },
    { name: 'archive/byteorder', data: Buffer.from('little') },
    ...storages.map((data, i) => ({ name: `archive/data/${i}`, data })),
    { name: 'archive/version', data: Buffer.from('3\n') },
  ]
}

/** A .pt file of a state dict. */
export function torchFile(
  tensors: ReadonlyMap<string, TorchFixture>,
  options: TorchFileOptions & { readonly zip64?: boolean } = {},
): Buffer {
  const storages = [...tensors.values()].map(({ data }) => data)
  return storedZip(torchEntries(torchPickle(tensors, options), storages), options)
}
