/** Damaged and hostile GGUF files: one error of three lines, whatever is wrong. */
import fc from 'fast-check'
import tap from 'tap'
import { MemorySource } from '../../src/formats/byte-source.js'
import { readGguf } from '../../src/formats/gguf/reader.js'
import { gguf } from '../../src/formats/gguf/values.js'
import { layOutGguf } from '../../src/formats/gguf/writer.js'
import { modelOfGguf } from '../../src/model/open-gguf.js'
import { ByteWriter } from '../support/byte-writer.js'
import { accepts, errorOf } from '../support/errors.js'
import { MemoryFile } from '../support/memory-file.js'
import { mutate, mutations } from '../support/mutations.js'
import { tinyConfig, tinyGguf, tinyMetadata } from '../support/tiny-model.js'

const read = (bytes: Uint8Array) => readGguf(new MemorySource(bytes), 'x.gguf')
const header = (tensors: number | bigint, pairs: number | bigint, version = 3) =>
  new ByteWriter().bytes(Buffer.from('GGUF')).u32(version).u64(tensors).u64(pairs)

interface TensorFields {
  readonly name?: string
  readonly dims?: readonly (number | bigint)[]
  readonly dimCount?: number
  readonly type?: number
  readonly offset?: number | bigint
}

function withTensors(tensors: readonly TensorFields[], dataBytes = 4096): Buffer {
  const out = header(tensors.length, 0)
  for (const { name = 'a', dims = [32], dimCount = dims.length, type = 0, offset = 0 } of tensors) {
    out.string(name).u32(dimCount)
    for (const dim of dims) out.u64(dim)
    out.u32(type).u64(offset)
  }
  return out.pad(32).bytes(new Uint8Array(dataBytes)).done()
}

tap.test('each kind of damage has its message', async (t) => {
  const cases: readonly (readonly [name: string, bytes: Uint8Array, why: RegExp, code?: string])[] = [
    ['empty', new Uint8Array(0), /ends after 0 bytes/],
    ['another format', Buffer.from('PK\x03\x04 and so on'), /does not start with "GGUF"/],
    ['version 1', header(0, 0, 1).done(), /version 1/, 'E_UNSUPPORTED'],
    ['version 4', header(0, 0, 4).done(), /version 4/, 'E_UNSUPPORTED'],
    ['big-endian', header(0, 0, 0x03000000).done(), /big-endian/, 'E_UNSUPPORTED'],
    ['too many tensors', header(2n ** 63n, 0).done(), /tensor count is 9223372036854775808/],
    ['tensors beyond the file', header(1000, 0).done(), /tensor count is 1000/],
    ['pairs beyond the file', header(0, 1000).done(), /metadata count is 1000/],
    ['cut key', header(0, 1).string('general.name').done().subarray(0, 40), /length of metadata key 0/],
    ['empty key', header(0, 1).string('').u32(4).u32(1).pad(32).done(), /key 0 is empty/],
    ['escape in a key', header(0, 1).string('a\x1b[2Jb').u32(4).u32(1).done(), /characters that no name has/],
    [
      'key twice',
      header(0, 2).string('a').u32(4).u32(1).string('a').u32(4).u32(1).done(),
      /"a" is there twice/,
    ],
    ['value type', header(0, 1).string('a').u32(13).u32(1).done(), /type of the value of "a" is 13/],
    ['boolean of 2', header(0, 1).string('a').u32(7).u8(2).pad(32).done(), /boolean of 2/],
    [
      'huge string',
      header(0, 1)
        .string('a')
        .u32(8)
        .u64(2n ** 62n)
        .done(),
      /length of the value of "a"/,
    ],
    [
      'huge array',
      header(0, 1)
        .string('a')
        .u32(9)
        .u32(4)
        .u64(2n ** 40n)
        .done(),
      /item count/,
    ],
    [
      'string array',
      header(0, 1)
        .string('a')
        .u32(9)
        .u32(8)
        .u64(1)
        .u64(2n ** 33n)
        .done(),
      /longer than 4 GiB/,
    ],
    ['cut string array', header(0, 1).string('a').u32(9).u32(8).u64(1).u64(99).done(), /in the middle of/],
    ['alignment 0', header(0, 1).string('general.alignment').u32(4).u32(0).done(), /general.alignment" is 0/],
    ['alignment 48', header(0, 1).string('general.alignment').u32(4).u32(48).done(), /power of two/],
    [
      'alignment 2^31',
      header(0, 1)
        .string('general.alignment')
        .u32(4)
        .u32(2 ** 31)
        .done(),
      /power of two/,
    ],
    ['alignment text', header(0, 1).string('general.alignment').u32(8).string('32').done(), /of type string/],
    ['no dimensions', withTensors([{ dims: [] }]), /0 dimensions/],
    ['five dimensions', withTensors([{ dims: [1, 1, 1, 1, 1] }]), /5 dimensions/],
    ['empty dimension', withTensors([{ dims: [32, 0] }]), /impossible shape 32 × 0/],
    ['overflow', withTensors([{ dims: [2 ** 32, 2 ** 32] }]), /impossible shape/],
    ['beyond 2^53', withTensors([{ dims: [2n ** 60n] }]), /dimension 0 of a is 1152921504606846976/],
    ['unknown type', withTensors([{ type: 99 }]), /type 99/],
    ['foreign type', withTensors([{ dims: [256], type: 16 }]), /IQ2_XXS/, 'E_UNSUPPORTED'],
    ['part of a block', withTensors([{ dims: [48], type: 8 }]), /not a multiple of Q8_0's block of 32/],
    ['unaligned', withTensors([{ offset: 16 }]), /starts at 16/],
    ['outside', withTensors([{ offset: 4096 }]), /has only/],
    ['far outside', withTensors([{ offset: 2n ** 53n - 32n }]), /has only/],
    ['offset beyond 2^53', withTensors([{ offset: 2n ** 63n }]), /offset of a is/],
    ['name twice', withTensors([{}, { offset: 128 }]), /tensor a is there twice/],
    ['overlap', withTensors([{}, { name: 'b', dims: [64], offset: 96 }]), /a and b overlap/],
    ['long name', withTensors([{ name: 'n'.repeat(65) }]), /length of the name/],
  ]
  for (const [name, bytes, why, code = 'E_FORMAT'] of cases) {
    const error = errorOf(() => read(bytes))
    t.equal(error.code, code, name)
    t.match(error.why, why, name)
    t.ok(error.message.includes('x.gguf') && error.next, `${name}: three lines`)
  }
})

tap.test('arrays nest, but not without end', async (t) => {
  const nested = (depth: number) => {
    const out = header(0, 1).string('a').u32(9)
    for (let i = 1; i < depth; i++) out.u32(9).u64(1)
    return out.u32(4).u64(1).u32(7).pad(32).done()
  }
  t.doesNotThrow(() => read(nested(8)))
  t.match(errorOf(() => read(nested(9))).why, /8 deep/)
  t.equal(errorOf(() => read(nested(5000))).code, 'E_FORMAT')
})

tap.test('every truncation of a file is noticed', async (t) => {
  const { bytes } = tinyGguf()
  const lastTensor = read(bytes).tensors.at(-1)
  const end = (lastTensor?.offset ?? 0) + (lastTensor?.bytes ?? 0)
  const accepted: number[] = []
  for (let length = 0; length < end; length += length < 4096 ? 1 : 37) {
    if (accepts(() => read(bytes.subarray(0, length)), ['E_FORMAT'])) accepted.push(length)
  }
  t.same(accepted, [])
})

tap.test('thousands of mutated headers: a model, or an error in three lines', async (t) => {
  const { bytes, headerBytes } = tinyGguf()
  let rejected = 0
  const runs = 6000
  fc.assert(
    fc.property(mutations(headerBytes), (applied) => {
      const damaged = mutate(bytes, applied)
      const ok = accepts(() => {
        const file = new MemoryFile(damaged)
        const parsed = readGguf(file, 'x.gguf')
        for (const { offset, bytes: size } of parsed.tensors) {
          if (offset < parsed.dataOffset || offset + size > damaged.length)
            throw new Error('outside the file')
        }
        for (const [, value] of parsed.metadata) {
          if (value.type === 'array' && value.itemType === 'string') value.values.toArray()
        }
        modelOfGguf('x.gguf', file, parsed)
      }, ['E_FORMAT', 'E_UNSUPPORTED', 'E_CONFIG'])
      if (!ok) rejected++
    }),
    { numRuns: runs },
  )
  t.ok(rejected > runs / 4, `${rejected} of ${runs} were rejected`)
})

tap.test('metadata of wrong types is an error of the model', async (t) => {
  const replaced = (key: string, value: (typeof tinyMetadata)[number][1]) =>
    tinyGguf(tinyMetadata.map((pair) => (pair[0] === key ? ([key, value] as const) : pair))).bytes
  const open = (bytes: Buffer) => {
    const file = new MemoryFile(bytes)
    return modelOfGguf('x.gguf', file, readGguf(file, 'x.gguf'))
  }
  t.same(open(tinyGguf().bytes).config, tinyConfig)
  const cases = [
    ['general.architecture', gguf.string('llama'), 'E_UNSUPPORTED', /"llama" architecture/],
    ['openelm.block_count', gguf.uint32(3), 'E_FORMAT', /2 values where 3 are needed/],
    ['openelm.block_count', gguf.uint32(2 ** 31), 'E_CONFIG', /is 2147483648/],
    ['openelm.block_count', gguf.string('2'), 'E_FORMAT', /of type string/],
    ['openelm.attention.head_count', gguf.int32s([2, -4]), 'E_FORMAT', /is -4/],
    ['openelm.attention.head_count', gguf.float32s([2.5, 4]), 'E_FORMAT', /is 2.5/],
    ['openelm.attention.head_count_kv', gguf.int32s([2, 3]), 'E_CONFIG', /not a multiple of its 3/],
    ['openelm.attention.key_length', gguf.uint32(24), 'E_UNSUPPORTED', /value_length/],
    ['openelm.rope.dimension_count', gguf.uint32(16), 'E_UNSUPPORTED', /dimension_count" is 16/],
    ['openelm.rope.freq_base', gguf.float32(Number.NaN), 'E_CONFIG', /base of RoPE/],
    ['openelm.feed_forward_length', gguf.int32s([32, 64]), 'E_CONFIG', /blk.1.ffn_gate.weight has the shape/],
    ['tokenizer.ggml.tokens', gguf.strings(['a']), 'E_FORMAT', /has 1 tokens, its embedding 40/],
  ] as const
  for (const [key, value, code, why] of cases) {
    const error = errorOf(() => open(replaced(key, value)))
    t.equal(error.code, code, key)
    t.match(error.why, why, key)
  }
  const scaled = [...tinyMetadata, ['openelm.rope.scaling.type', gguf.string('yarn')] as const]
  t.match(errorOf(() => open(tinyGguf(scaled).bytes)).why, /scales RoPE/)
})

tap.test('a header without tensors is read', async (t) => {
  const { header: bytes } = layOutGguf([['a', gguf.uint32(1)]], [])
  t.equal(read(bytes).metadata.integer('a'), 1)
})
