/** Safetensors files and sharded checkpoints: what is valid is read, what is not is one clear error. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import tap from 'tap'
import { MemorySource } from '../../src/formats/byte-source.js'
import { openCheckpoint } from '../../src/formats/safetensors/checkpoint.js'
import { readSafetensors } from '../../src/formats/safetensors/reader.js'
import { openFile } from '../../src/native/open-file.js'
import { ByteWriter } from '../support/byte-writer.js'
import { accepts, errorOf } from '../support/errors.js'
import { mutate, mutations } from '../support/mutations.js'

const read = (bytes: Uint8Array) => readSafetensors(new MemorySource(bytes), 'x.safetensors')
const fileOf = (header: string, data = 0) =>
  new ByteWriter().string(header).bytes(new Uint8Array(data)).done()
const entry = (shape: readonly number[], begin: number, end: number, dtype = 'F32') =>
  ({ dtype, shape, data_offsets: [begin, end] }) as const
const jsonFile = (header: object, data = 0) => fileOf(JSON.stringify(header), data)

const valid = { __metadata__: { format: 'pt' }, b: entry([4], 24, 32, 'F16'), a: entry([2, 3], 0, 24) }

tap.test('a file is read', async (t) => {
  const bytes = fileOf(`${JSON.stringify(valid)}   `, 32)
  const start = bytes.length - 32
  const { tensors, metadata } = read(bytes)
  t.same(tensors, [
    { name: 'a', dtype: 'F32', shape: [2, 3], offset: start, bytes: 24 },
    { name: 'b', dtype: 'F16', shape: [4], offset: start + 24, bytes: 8 },
  ])
  t.same([...metadata], [['format', 'pt']])
  t.same(read(fileOf('{}')).tensors, [])
})

tap.test('each kind of damage has its message', async (t) => {
  const twice =
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'
  const cases: readonly (readonly [name: string, bytes: Uint8Array, why: RegExp])[] = [
    ['empty', new Uint8Array(0), /only 0 bytes/],
    [
      'long header',
      new ByteWriter()
        .u64(2n ** 63n)
        .u64(0)
        .done(),
      /claims to have 9223372036854775808/,
    ],
    ['header beyond the file', new ByteWriter().u64(100).string('{}').done(), /claims to have 100/],
    ['no JSON', fileOf('{"a":'), /not JSON/],
    ['deep JSON', fileOf('['.repeat(200000)), /not JSON/],
    ['an array', fileOf('[]'), /not a JSON object/],
    ['null', fileOf('null'), /not a JSON object/],
    ['unknown type', jsonFile({ a: entry([1], 0, 4, 'F31') }, 4), /Tensor a: dtype/],
    ['negative dimension', jsonFile({ a: entry([-1], 0, 4) }, 4), /Tensor a: shape/],
    ['fraction', jsonFile({ a: entry([0.5], 0, 2) }, 2), /Tensor a: shape/],
    ['overflow', jsonFile({ a: entry([2 ** 40, 2 ** 40], 0, 4) }, 4), /does not fit F32/],
    ['range backwards', jsonFile({ a: entry([1], 4, 0) }, 4), /takes bytes 4 to 0/],
    ['size', jsonFile({ a: entry([2], 0, 4) }, 4), /takes bytes 0 to 4/],
    ['overlap', jsonFile({ a: entry([2], 0, 8), b: entry([2], 4, 12) }, 12), /Tensor b overlaps/],
    ['hole', jsonFile({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12), /Tensor b leaves a hole/],
    ['name twice', fileOf(twice, 8), /Tensor a leaves a hole/],
    ['cut data', jsonFile({ a: entry([2], 0, 8) }, 7), /end at byte/],
    ['more data', jsonFile({ a: entry([2], 0, 8) }, 9), /end at byte/],
    ['escape in a name', jsonFile({ 'a\u001b[2J': entry([1], 0, 4) }, 4), /name that no tensor has/],
    ['metadata', jsonFile({ __metadata__: { a: 1 } }), /__metadata__/],
    ['entry', fileOf('{"a":7}'), /Tensor a/],
  ]
  for (const [name, bytes, why] of cases) {
    const error = errorOf(() => read(bytes))
    t.equal(error.code, 'E_FORMAT', name)
    t.match(error.why, why, name)
    t.ok(error.next)
  }
  const proto = read(fileOf('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1))
  t.same(
    proto.tensors.map(({ name }) => name),
    ['__proto__'],
    'a name like any other',
  )
})

tap.test('thousands of mutated headers', async (t) => {
  const many = Object.fromEntries(
    Array.from({ length: 6 }, (_, i) => [`transformer.layers.${i}.w`, entry([2, 2], 16 * i, 16 * i + 16)]),
  )
  const bytes = jsonFile({ __metadata__: { format: 'pt' }, ...many }, 96)
  let rejected = 0
  fc.assert(
    fc.property(mutations(bytes.length - 96), (applied) => {
      const damaged = mutate(bytes, applied)
      const ok = accepts(() => {
        for (const { offset, bytes: size } of read(damaged).tensors) {
          if (offset < 0 || offset + size > damaged.length) throw new Error('outside the file')
        }
      }, ['E_FORMAT'])
      if (!ok) rejected++
    }),
    { numRuns: 4000 },
  )
  t.ok(rejected > 2000, `${rejected} of 4000 were rejected`)
})

tap.test('a folder: shards, one file, or nothing', async (t) => {
  const folder = t.testdir({
    sharded: {
      'one.safetensors': jsonFile({ a: entry([1], 0, 4) }, 4),
      'two.safetensors': jsonFile({ b: entry([1], 0, 4), c: entry([1], 4, 8) }, 8),
      'model.safetensors.index.json': JSON.stringify({
        metadata: { total_size: 12 },
        weight_map: { a: 'one.safetensors', b: 'two.safetensors', c: 'two.safetensors' },
      }),
    },
    single: { 'weights.safetensors': jsonFile({ a: entry([1], 0, 4) }, 4) },
    several: { 'p.safetensors': jsonFile({}), 'q.safetensors': jsonFile({}) },
    none: {},
  })
  const names = (path: string) => [...openCheckpoint(join(folder, path), openFile).tensors.keys()]
  t.same(names('sharded'), ['a', 'b', 'c'])
  t.same(names('single'), ['a'])
  t.same(names('single/weights.safetensors'), ['a'])
  t.match(
    errorOf(() => names('several')),
    { code: 'E_FILE_NOT_FOUND', why: /2 \.safetensors files/ },
  )
  t.match(
    errorOf(() => names('none')),
    { code: 'E_FILE_NOT_FOUND', why: /neither/ },
  )
})

tap.test('an index that lies is refused', async (t) => {
  const folder = t.testdir({
    'one.safetensors': jsonFile({ a: entry([1], 0, 4) }, 4),
    'two.safetensors': jsonFile({ a: entry([1], 0, 4) }, 4),
    'secret.safetensors': jsonFile({ s: entry([1], 0, 4) }, 4),
  })
  mkdirSync(join(folder, 'in'))
  writeFileSync(join(folder, 'in', 'one.safetensors'), jsonFile({ a: entry([1], 0, 4) }, 4))
  const open = (index: unknown, inside = 'in') => {
    writeFileSync(join(folder, inside, 'model.safetensors.index.json'), JSON.stringify(index))
    return errorOf(() => openCheckpoint(join(folder, inside), openFile))
  }
  for (const name of [
    '../secret.safetensors',
    '/etc/passwd',
    'a/../../secret.safetensors',
    '..\\secret.safetensors',
    '..',
    'one.txt',
  ]) {
    t.match(open({ weight_map: { s: name } }), { code: 'E_FORMAT', why: /not a file of this folder/ }, name)
  }
  t.match(open({ weight_map: { a: 'gone.safetensors' } }), { code: 'E_FILE_NOT_FOUND', next: /completely/ })
  t.match(open({ weight_map: { z: 'one.safetensors' } }), { code: 'E_FORMAT', why: /z is in one/ })
  t.match(open({ weight_map: [] }), { code: 'E_FORMAT', why: /weight_map/ })
  t.match(open({}), { code: 'E_FORMAT', why: /weight_map/ })
  const both = { weight_map: { a: 'one.safetensors', b: 'two.safetensors' } }
  t.match(open(both, '.'), { code: 'E_FORMAT', why: /Tensor a is also in/ })
})
