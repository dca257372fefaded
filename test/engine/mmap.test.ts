/** Weights read into memory instead of mapped: the same numbers, and what can go wrong while they are read. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { fromNative } from '../../src/engine/native-error.js'
import { Model } from '../../src/index.js'
import type { NativeFileCopy, NativeMappedFile } from '../../src/native/binding.js'
import { loadNative } from '../../src/native/load.js'
import { rejectionOf } from '../support/errors.js'
import { fakeGpuAddon } from '../support/fake-gpu.js'
import { convertedLexicon, lexiconFile, temporaryFolder } from '../support/lexicon.js'
import { hugeGguf } from '../support/tiny-model.js'

const ids = [1, 300, 301, 302, 77, 1024, 9]

async function logitsOf(model: Model): Promise<Float32Array> {
  await using session = model.createSession({ nCtx: 32 })
  return await session.evaluate(ids, { logits: 'all' })
}

/** Bytes of this process that no file backs. */
const anonymousBytes = () =>
  1024 * Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

tap.test('logits are those of the mapped file', async (t) => {
  // 6 MB are small pages, 12 MB huge ones in several chunks.
  for (const type of ['q8_0', 'f16'] as const) {
    const path = await lexiconFile(t, type)
    await using mapped = await Model.load(path, { threads: 1 })
    const expected = await logitsOf(mapped)
    for (const threads of [1, 2]) {
      await using model = await Model.load(path, { threads, mmap: false })
      t.match([mapped.mmap, model.mmap, model.weightBytes], [true, false, mapped.weightBytes])
      t.same(await logitsOf(model), expected, `${type}, ${threads} threads`)
    }
  }
})

tap.test('what becomes of the file later does not matter', async (t) => {
  const path = await lexiconFile(t)
  await using model = await Model.load(path, { threads: 1, mmap: false })
  const before = await logitsOf(model)
  truncateSync(path, 0)
  t.same(await logitsOf(model), before)
})

tap.test('memory goes with the model', { skip: process.platform !== 'linux' }, async (t) => {
  const path = await convertedLexicon(temporaryFolder(t), 'f32')
  const before = anonymousBytes()
  const model = await Model.load(path, { threads: 1, mmap: false })
  const loaded = anonymousBytes()
  await model.dispose()
  t.ok(loaded - before > 20e6, `${loaded - before} bytes more with a model`)
  t.ok(loaded - anonymousBytes() > 12e6, 'and less without')
})

tap.test('only layers of the CPU are read', async (t) => {
  const path = await lexiconFile(t)
  const folder = temporaryFolder(t)
  process.env.XDG_CACHE_HOME = folder
  process.env.OPENELM_CUDA_ADDON = fakeGpuAddon(folder, 'works')
  t.teardown(() => delete process.env.OPENELM_CUDA_ADDON)
  await using whole = await Model.load(path, { threads: 1, backend: 'cuda', mmap: false })
  t.match(whole, { gpuLayers: 8, mmap: true })
  await using part = await Model.load(path, { threads: 1, backend: 'cuda', gpuLayers: 3, mmap: false })
  t.match(part, { gpuLayers: 3, mmap: false })
  t.same(await logitsOf(part), await logitsOf(whole))
})

tap.test('more weights than memory are refused', { skip: process.platform !== 'linux' }, async (t) => {
  const path = hugeGguf(temporaryFolder(t))
  t.match(await rejectionOf(Model.load(path, { mmap: false })), {
    code: 'E_MEMORY',
    message: /^Loading ".*" failed\.$/,
    why: /^Its weights are not to be mapped and take \d{3}\.\d GB; [\d.]+ GB of memory are free\.$/,
    next: /^Leave --no-mmap/,
  })
})

tap.test('loading can be aborted', async (t) => {
  const path = await lexiconFile(t)
  const controller = new AbortController()
  const loading = Model.load(path, { mmap: false, signal: controller.signal })
  controller.abort('enough')
  t.match(await rejectionOf(loading), { code: 'E_ABORTED', cause: 'enough' })
  await t.rejects(Model.load(path, { mmap: 'no' as unknown as boolean }), {
    code: 'E_USAGE',
    message: 'Expected true or false for mmap but received "no".',
  })
})

tap.test('the addon', async (t) => {
  const native = loadNative()
  const path = join(temporaryFolder(t), 'zeros')
  const size = 2 ** 31 + 5
  writeFileSync(path, '')
  truncateSync(path, size)
  const file = new native.MappedFile(path)
  const copy = () => new native.FileCopy(file)

  t.test('stops reading when told to', async (t) => {
    const reading = copy()
    const done = reading.read({ offset: 0, length: size, threads: 2 })
    reading.abort()
    await t.rejects(done, { code: 'ABORTED' })
  })

  t.test('says where a file ended that was cut while it was read', async (t) => {
    truncateSync(path, 5_000_000)
    const error = await copy()
      .read({ offset: 4096, length: 6_000_000, threads: 1 })
      .catch((thrown: unknown) => thrown)
    t.match(error, { code: 'IO', message: 'It has no byte 5000000 any more: it was cut meanwhile' })
    t.match(fromNative(error, 'Loading failed.'), {
      code: 'E_FILE_READ',
      why: /^The operating system could not read the file\. \(It has no byte 5000000/,
      next: /./,
    })
  })

  t.test('checks what it is given', async (t) => {
    const invalid = { code: 'INVALID' }
    t.throws(() => copy().read({ offset: 1, length: size, threads: 1 }), invalid)
    t.throws(() => copy().read({ offset: -1, length: 1, threads: 1 }), invalid)
    t.throws(() => copy().read({ offset: 0, length: 1.5, threads: 1 }), invalid)
    t.throws(() => new native.FileCopy({} as NativeMappedFile), invalid)
    const config = { dim: 64, headDim: 32, vocabSize: 40, heads: [2], kvHeads: [1], ffn: [32] }
    const model = (copy: NativeFileCopy) => () =>
      new native.Model(
        { ...config, ropeBase: 1e4, rmsEps: 1e-6 },
        { file, tensors: [], copy },
        { threads: 1, isa: 'reference' },
      )
    t.throws(model(copy()), { code: 'INVALID', message: /FileCopy/ }, 'not read yet')
    const other = new native.FileCopy(new native.MappedFile(path))
    await other.read({ offset: 0, length: 10, threads: 1 })
    t.throws(model(other), { code: 'INVALID', message: /FileCopy/ }, 'of another file')
    const own = copy()
    await own.read({ offset: 0, length: 10, threads: 1 })
    t.throws(model(own), { code: 'INVALID', message: /token_embd\.weight is missing/ }, 'a good one')
    own.dispose()
    t.throws(model(own), { code: 'INVALID', message: /FileCopy/ }, 'disposed')
  })
})
