/** GGUF headers, byte for byte: read from hand-written bytes, written, and read again. */
import fc from 'fast-check'
import tap from 'tap'
import { MemorySource } from '../../src/formats/byte-source.js'
import { ggmlType } from '../../src/formats/ggml-types.js'
import { isGguf, readGguf } from '../../src/formats/gguf/reader.js'
import { GgufStrings } from '../../src/formats/gguf/strings.js'
import { type GgufArray, type GgufValue, gguf, numericArrays } from '../../src/formats/gguf/values.js'
import { layOutGguf } from '../../src/formats/gguf/writer.js'
import { ByteWriter } from '../support/byte-writer.js'

const read = (bytes: Uint8Array) => readGguf(new MemorySource(bytes), 'x.gguf')

/** Every value type once, two kinds of arrays, an array of arrays. */
const everyValue: readonly (readonly [string, GgufValue])[] = [
  ['a.uint8', { type: 'uint8', value: 200 }],
  ['a.int8', { type: 'int8', value: -100 }],
  ['a.uint16', { type: 'uint16', value: 60000 }],
  ['a.int16', { type: 'int16', value: -30000 }],
  ['a.uint32', { type: 'uint32', value: 4e9 }],
  ['a.int32', { type: 'int32', value: -2e9 }],
  ['a.float32', { type: 'float32', value: Math.fround(0.1) }],
  ['a.bool', { type: 'bool', value: true }],
  ['a.string', { type: 'string', value: 'Grüße \u{1f600}\n' }],
  ['a.uint64', { type: 'uint64', value: 2n ** 64n - 1n }],
  ['a.int64', { type: 'int64', value: -(2n ** 63n) }],
  ['a.float64', { type: 'float64', value: Math.PI }],
  ['a.strings', gguf.strings(['', '\u2581the', '<0x0A>', 'x\0y', '\0', '\0'.repeat(20)])],
  ['a.bools', { type: 'array', itemType: 'bool', values: Uint8Array.of(1, 0, 1) }],
  [
    'a.nested',
    {
      type: 'array',
      itemType: 'array',
      values: [
        { type: 'array', itemType: 'int16', values: Int16Array.of(-1, 2) },
        { type: 'array', itemType: 'string', values: GgufStrings.from(['p', 'q']) },
        { type: 'array', itemType: 'array', values: [] },
      ],
    },
  ],
  ['a.empty', gguf.float32s([])],
]

/** The same header by hand, following the specification. */
function handWritten(version: number): Buffer {
  const out = new ByteWriter().bytes(Buffer.from('GGUF')).u32(version).u64(2).u64(everyValue.length)
  out.string('a.uint8').u32(0).u8(200)
  out.string('a.int8').u32(1).u8(156)
  out.string('a.uint16').u32(2).bytes(Uint8Array.of(0x60, 0xea))
  out.string('a.int16').u32(3).bytes(Uint8Array.of(0xd0, 0x8a))
  out.string('a.uint32').u32(4).u32(4e9)
  out
    .string('a.int32')
    .u32(5)
    .u32(2 ** 32 - 2e9)
  out.string('a.float32').u32(6).f32(0.1)
  out.string('a.bool').u32(7).u8(1)
  out.string('a.string').u32(8).string('Grüße \u{1f600}\n')
  out
    .string('a.uint64')
    .u32(10)
    .u64(2n ** 64n - 1n)
  out
    .string('a.int64')
    .u32(11)
    .u64(2n ** 63n)
  out.string('a.float64').u32(12).f64(Math.PI)
  out.string('a.strings').u32(9).u32(8).u64(6)
  for (const text of ['', '\u2581the', '<0x0A>', 'x\0y', '\0', '\0'.repeat(20)]) out.string(text)
  out.string('a.bools').u32(9).u32(7).u64(3).u8(1).u8(0).u8(1)
  out.string('a.nested').u32(9).u32(9).u64(3)
  out
    .u32(3)
    .u64(2)
    .bytes(Uint8Array.of(0xff, 0xff, 2, 0))
  out.u32(8).u64(2).string('p').string('q')
  out.u32(9).u64(0)
  out.string('a.empty').u32(9).u32(6).u64(0)
  out.string('w').u32(2).u64(64).u64(3).u32(8).u64(0)
  out.string('b').u32(1).u64(5).u32(0).u64(224)
  return out.pad(32).done()
}

const plans = [
  { name: 'w', type: ggmlType('Q8_0'), dims: [64, 3] },
  { name: 'b', type: ggmlType('F32'), dims: [5] },
]

/** Values with strings decoded, so that they compare by content. */
function plain(value: GgufValue | GgufArray): unknown {
  if (value.type !== 'array') return value
  switch (value.itemType) {
    case 'string':
      return { ...value, values: value.values.toArray() }
    case 'array':
      return { ...value, values: value.values.map(plain) }
    default:
      return { ...value, values: [...value.values] }
  }
}
const plainAll = (pairs: Iterable<readonly [string, GgufValue]>) =>
  [...pairs].map(([key, value]) => [key, plain(value)])

tap.test('the writer gives the bytes of the specification', async (t) => {
  const layout = layOutGguf(everyValue, plans)
  t.ok(Buffer.from(layout.header).equals(handWritten(3)))
  t.same(
    layout.tensors.map(({ offset, bytes }) => [offset - layout.header.length, bytes]),
    [
      [0, 204],
      [224, 20],
    ],
  )
  t.equal(layout.fileSize, layout.header.length + 256)
  t.ok(Buffer.from(layout.header).equals(Buffer.from(layOutGguf(everyValue, plans).header)), 'deterministic')
})

tap.test('versions 2 and 3 are read', async (t) => {
  for (const version of [2, 3]) {
    const bytes = Buffer.concat([handWritten(version), Buffer.alloc(256)])
    t.ok(isGguf(new MemorySource(bytes)))
    const file = read(bytes)
    t.equal(file.version, version)
    t.same(plainAll(file.metadata), plainAll(everyValue))
    t.equal(file.dataOffset, bytes.length - 256)
    t.match(file.tensors, [
      { name: 'w', dims: [64, 3], rows: 3, cols: 64, bytes: 204, offset: file.dataOffset },
      { name: 'b', dims: [5], rows: 1, cols: 5, bytes: 20, offset: file.dataOffset + 224 },
    ])
    t.equal(file.tensors[0]?.type.name, 'Q8_0')
  }
})

tap.test('general.alignment moves the data', async (t) => {
  const out = new ByteWriter().bytes(Buffer.from('GGUF')).u32(3).u64(1).u64(1)
  out.string('general.alignment').u32(4).u32(256)
  out.string('t').u32(1).u64(4).u32(0).u64(256)
  const bytes = out.pad(256).bytes(new Uint8Array(272)).done()
  const file = read(bytes)
  t.equal(file.alignment, 256)
  t.equal(file.dataOffset, 256)
  t.equal(file.tensors[0]?.offset, 512)
  const written = layOutGguf(file.metadata, [])
  t.notOk(
    read(written.header).metadata.has('general.alignment'),
    'the writer aligns to 32 and says nothing else',
  )
})

tap.test('a header larger than the first window is read', async (t) => {
  const pieces = Array.from({ length: 60000 }, (_, i) => `\u2581piece number ${i}`)
  const { header } = layOutGguf(
    [
      ['tokenizer.ggml.tokens', gguf.strings(pieces)],
      ['after', gguf.uint32(7)],
    ],
    [],
  )
  t.ok(header.length > 1 << 20)
  const { metadata } = read(header)
  t.same(metadata.strings('tokenizer.ggml.tokens'), pieces)
  t.equal(metadata.integer('after'), 7)
})

tap.test('invalid UTF-8 in values becomes U+FFFD and is copied as it was', async (t) => {
  const out = new ByteWriter().bytes(Buffer.from('GGUF')).u32(3).u64(0).u64(1)
  out
    .string('s')
    .u32(9)
    .u32(8)
    .u64(2)
    .u64(2)
    .bytes(Uint8Array.of(0x61, 0xe2))
    .u64(1)
    .bytes(Uint8Array.of(0x62))
  const bytes = out.pad(32).done()
  const { metadata } = read(bytes)
  t.same(metadata.strings('s'), ['a\ufffd', 'b'])
  t.ok(Buffer.from(layOutGguf(metadata, []).header).equals(bytes))
})

tap.test('random metadata survives writing and reading', async (t) => {
  const strings = fc.array(fc.string({ unit: 'binary', maxLength: 12 }), { maxLength: 20 })
  const scalar: fc.Arbitrary<GgufValue> = fc.oneof(
    fc.string({ unit: 'binary' }).map((value) => gguf.string(value)),
    fc.bigInt(0n, 2n ** 64n - 1n).map((value) => ({ type: 'uint64' as const, value })),
    fc.double({ noNaN: true }).map((value) => ({ type: 'float64' as const, value })),
    fc.boolean().map((value) => gguf.bool(value)),
    fc.nat().map((value) => gguf.uint32(value)),
  )
  const array: fc.Arbitrary<GgufArray> = fc.letrec<{ array: GgufArray }>((tie) => ({
    array: fc.oneof(
      { depthSize: 'small', maxDepth: 5 },
      strings.map((values) => ({
        type: 'array' as const,
        itemType: 'string' as const,
        values: GgufStrings.from(values),
      })),
      fc.float32Array({ noNaN: true }).map((values) => ({
        type: 'array' as const,
        itemType: 'float32' as const,
        values: numericArrays.float32.from(values),
      })),
      fc
        .array(tie('array'), { maxLength: 3 })
        .map((values) => ({ type: 'array' as const, itemType: 'array' as const, values })),
    ),
  })).array
  const key = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 30 })
  const pairs = fc.uniqueArray(fc.tuple(key, fc.oneof(scalar, array)), {
    selector: ([name]) => name,
    maxLength: 10,
  })
  fc.assert(
    fc.property(pairs, (given) => {
      const { header } = layOutGguf(given, [])
      t.equal(
        JSON.stringify(plainAll(read(header).metadata), bigints),
        JSON.stringify(plainAll(given), bigints),
      )
    }),
    { numRuns: 300 },
  )
})

const bigints = (_key: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)
