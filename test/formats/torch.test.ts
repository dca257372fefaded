/** PyTorch files: what torch.save writes for a state dict is read, everything else is one clear error. */
import fc from 'fast-check'
import tap from 'tap'
import { MemorySource } from '../../src/formats/byte-source.js'
import { readTorch } from '../../src/formats/torch/checkpoint.js'
import { readPickle } from '../../src/formats/torch/pickle.js'
import { isZip, readStoredZip } from '../../src/formats/torch/zip.js'
import { accepts, errorOf } from '../support/errors.js'
import { mutate, mutations } from '../support/mutations.js'
import {
  PickleWriter,
  storedZip,
  type TorchFixture,
  torchEntries,
  torchFile,
  torchPickle,
} from '../support/torch-file.js'

const read = (bytes: Uint8Array) => readTorch(new MemorySource(bytes), 'x.pt')
const bytesOf = (length: number, seed = 1) => Uint8Array.from({ length }, (_, i) => (seed * 31 + i) % 251)
const floats = (shape: readonly number[], data: Uint8Array, more: Partial<TorchFixture> = {}) =>
  ({ storage: 'FloatStorage', shape, data, ...more }) as const

const tensors = new Map<string, TorchFixture>([
  ['a.weight', floats([2, 3], bytesOf(24))],
  ['b.weight', { storage: 'BFloat16Storage', shape: [4], data: bytesOf(8, 2) }],
  ['view', { storage: 'HalfStorage', shape: [1, 2], data: bytesOf(12, 3), offset: 3, strides: [99, 1] }],
  ['steps', { storage: 'LongStorage', shape: [], data: bytesOf(8, 4) }],
])

tap.test('a state dict is read, wherever it is kept', async (t) => {
  for (const zip64 of [false, true]) {
    for (const under of [undefined, 'model_state_dict', 'state_dict']) {
      for (const parameters of [false, true]) {
        const file = torchFile(tensors, { zip64, parameters, ...(under === undefined ? {} : { under }) })
        t.ok(isZip(new MemorySource(file)))
        const found = [...read(file).tensors.values()]
        t.same(
          found.map(({ name, dtype, shape }) => [name, dtype, shape]),
          [
            ['a.weight', 'F32', [2, 3]],
            ['b.weight', 'BF16', [4]],
            ['view', 'F16', [1, 2]],
            ['steps', 'I64', []],
          ],
        )
        const data = found.map(({ offset, bytes }) => Uint8Array.from(file.subarray(offset, offset + bytes)))
        t.same(data, [bytesOf(24), bytesOf(8, 2), bytesOf(12, 3).slice(6, 10), bytesOf(8, 4)])
      }
    }
  }
})

tap.test('views that are not rows after rows of their storage are refused', async (t) => {
  const only = (tensor: TorchFixture) => errorOf(() => read(torchFile(new Map([['w', tensor]]))))
  const data = bytesOf(24)
  const cases = [
    [floats([3, 2], data, { strides: [1, 3] }), 'E_UNSUPPORTED', /not contiguous/],
    [floats([2, 3], data, { strides: [0, 1] }), 'E_UNSUPPORTED', /not contiguous/],
    [floats([2, 3], data, { offset: 1 }), 'E_FORMAT', /does not lie in its storage of 6/],
    [floats([2, 4], data), 'E_FORMAT', /does not lie in its storage/],
    [
      floats([2 ** 30, 2 ** 30, 2 ** 30], data, { strides: [4, 2, 1] }),
      'E_FORMAT',
      /does not lie in its storage/,
    ],
    [floats([1, 1, 1, 1, 1, 1, 1, 1, 1], data), 'E_FORMAT', /does not lie/],
    [floats([2, 3], data, { elements: 2 ** 30 }), 'E_FORMAT', /storage of 1073741824 elements/],
    [floats([2, 3], data, { elements: 5 }), 'E_FORMAT', /storage of 5 elements/],
    [floats([2, -3], data), 'E_FORMAT', /wrong arguments/],
    [floats([2, 3], data, { offset: -1 }), 'E_FORMAT', /wrong arguments/],
    [floats([6], data, { strides: [1, 1] }), 'E_FORMAT', /wrong arguments/],
  ] as const
  for (const [tensor, code, why] of cases) {
    const error = only(tensor)
    t.equal(error.code, code)
    t.match(error.why, why)
    t.ok(error.next)
  }
})

tap.test('nothing is executed: other globals and opcodes are refused by name', async (t) => {
  const refused = (out: PickleWriter) => errorOf(() => readPickle(out.tag('.').done(), 'x.pt'))
  const start = () => new PickleWriter().tag('\x80\x02')
  const evil = start().global('posix', 'system').tag('(').text('true').tag('tR')
  t.match(refused(evil), { code: 'E_UNSUPPORTED', why: /"posix.system"/, next: /state_dict/ })
  t.match(refused(start().global('builtins', 'eval')), { why: /"builtins.eval"/ })
  t.match(refused(start().global('collections', 'OrderedDict.fromkeys')), { why: /fromkeys/ })
  t.match(refused(start().global('torch', 'a\u001b[2J')), { why: /\\u001b/ }, 'escapes are shown as such')
  for (const [opcode, shown] of [
    ['i', '0x69'],
    ['o', '0x6f'],
    ['\x81', '0x81'],
    ['\x82', '0x82'],
    ['\x93', '0x93'],
    ['P', '0x50'],
  ] as const) {
    t.match(refused(start().tag(opcode)), { code: 'E_UNSUPPORTED', why: new RegExp(shown) }, shown)
  }
  t.equal(refused(new PickleWriter().tag('\x80\x04')).code, 'E_UNSUPPORTED', 'another protocol')
})

tap.test('each kind of damage of a pickle has its message', async (t) => {
  const cases: readonly (readonly [name: string, ops: PickleWriter, why: RegExp])[] = [
    ['empty', new PickleWriter(), /ends too early/],
    ['no value', new PickleWriter().tag('.'), /not there/],
    ['value before a mark', new PickleWriter().tag('N(\x85.'), /not there/],
    ['no mark', new PickleWriter().tag('t.'), /without a mark/],
    ['memo', new PickleWriter().tag('h\x05.'), /recalls value 5/],
    ['marks', new PickleWriter().tag('('.repeat(300)), /too deep/],
    ['stack', new PickleWriter().tag('N'.repeat(2 ** 20 + 1)), /too much memory/],
    ['text', new PickleWriter().tag('X').u32(0xffffffff).tag('a'), /too early/],
    ['integer', new PickleWriter().tag(`\x8a\x09${'1'.repeat(9)}`), /integer of 9/],
    ['line', new PickleWriter().tag('cposix'), /too early/],
    ['list', new PickleWriter().tag('}Na.'), /than a list/],
    ['dict', new PickleWriter().tag(']NNs.'), /no dict/],
    ['odd items', new PickleWriter().tag('}(Nu.'), /no dict/],
    ['key', new PickleWriter().tag('}NNs.'), /neither text nor a number/],
    ['build', new PickleWriter().tag('N}b.'), /attributes/],
    ['call of a value', new PickleWriter().tag('N)R.'), /wrong arguments/],
    [
      'call of a storage type',
      new PickleWriter().global('torch', 'FloatStorage').tag(')R.'),
      /wrong arguments/,
    ],
    ['persistent id', new PickleWriter().tag('NQ.'), /than a storage/],
  ]
  for (const [name, ops, why] of cases) {
    const error = errorOf(() => readPickle(ops.done(), 'x.pt'))
    t.equal(error.code, 'E_FORMAT', name)
    t.match(error.why, why, name)
  }
  t.equal(readPickle(new PickleWriter().tag('\x8a\x02\xff\xff.').done(), 'x.pt'), -1)
  t.equal(readPickle(new PickleWriter().tag('\x8a\x00.').done(), 'x.pt'), 0)
})

tap.test('an archive that is none', async (t) => {
  const zip = (bytes: Uint8Array) => errorOf(() => readStoredZip(new MemorySource(bytes), 'x.pt'))
  const pickle = torchPickle(tensors)
  t.match(zip(new Uint8Array(100)), { code: 'E_FORMAT', why: /no directory/ })
  t.match(zip(new Uint8Array(0)), { code: 'E_FORMAT', why: /no directory/ })
  const deflated = storedZip([{ name: 'a/data.pkl', data: pickle }], { method: 8 })
  t.match(zip(deflated), { code: 'E_UNSUPPORTED', why: /a\/data.pkl is compressed/ })
  const twice = [1, 2].map(() => ({ name: 'a', data: pickle }))
  t.match(zip(storedZip(twice)), { why: /a is there twice/ })
  const file = (entries: Parameters<typeof storedZip>[0]) => errorOf(() => read(storedZip(entries)))
  t.match(file([{ name: 'a/b', data: pickle }]), { why: /without data.pkl/ })
  t.match(file([{ name: 'a/data.pkl', data: pickle }]), { why: /a.weight: its storage/ })
  t.match(file(torchEntries(torchPickle(new Map()), [])), { why: /no tensors/ })
  t.match(file(torchEntries(Buffer.from('\x80\x02N.', 'latin1'), [])), { why: /no dict/ })
  const big = torchEntries(pickle, []).map(({ name, data }) =>
    name === 'archive/byteorder' ? { name, data: Buffer.from('big') } : { name, data },
  )
  t.match(file(big), { code: 'E_UNSUPPORTED', why: /big-endian/ })
})

tap.test('every truncation is noticed', async (t) => {
  const bytes = torchFile(tensors)
  const accepted: number[] = []
  for (let length = 0; length < bytes.length; length++) {
    if (accepts(() => read(bytes.subarray(0, length)), ['E_FORMAT'])) accepted.push(length)
  }
  t.same(accepted, [])
})

for (const zip64 of [false, true]) {
  tap.test(`thousands of mutated files, zip64 ${zip64}: ranges inside the file, or an error`, async (t) => {
    const bytes = torchFile(tensors, { zip64, under: 'model_state_dict' })
    const runs = 4000
    let rejected = 0
    fc.assert(
      fc.property(mutations(bytes.length), (applied) => {
        const damaged = mutate(bytes, applied)
        const ok = accepts(() => {
          for (const { offset, bytes: size } of read(damaged).tensors.values()) {
            if (offset < 0 || offset + size > damaged.length) throw new Error('outside the file')
          }
        }, ['E_FORMAT', 'E_UNSUPPORTED'])
        if (!ok) rejected++
      }),
      { numRuns: runs },
    )
    t.ok(rejected > runs / 4, `${rejected} of ${runs} were rejected`)
  })
}

tap.test('pickles of random opcodes end', async (t) => {
  const known = [...'(.)GJKMNQRX]abcehjqrstu}', '\x80', '\x85', '\x86', '\x87', '\x88', '\x89', '\x8a']
  const opcode = fc.constantFrom(...known.map((text) => text.charCodeAt(0)))
  let rejected = 0
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 4, arbitrary: opcode }, fc.nat(255)), { maxLength: 200 }),
      (ops) => {
        if (!accepts(() => readPickle(Uint8Array.from(ops), 'x.pt'), ['E_FORMAT', 'E_UNSUPPORTED']))
          rejected++
      },
    ),
    { numRuns: 3000 },
  )
  t.ok(rejected > 1000, `${rejected} of 3000 were rejected`)
})
