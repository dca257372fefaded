/** Which backend computes, and the CPU in place of a GPU that does not. The GPUs here are pretended ones. */
import { join } from 'node:path'
import tap from 'tap'
import { Model } from '../../src/index.js'
import { rejectionOf } from '../support/errors.js'
import { type Fake, fakeGpuAddon } from '../support/fake-gpu.js'
import { root } from '../support/files.js'
import { lexiconFile, temporaryFolder } from '../support/lexicon.js'

const folder = temporaryFolder(tap)
process.env.XDG_CACHE_HOME = join(folder, 'cache')

/** Loads with a pretended build for CUDA, or with none but the ordinary addon. */
async function load(path: string, fake: Fake | undefined, options: Parameters<typeof Model.load>[1]) {
  const before = { ...process.env }
  delete process.env.OPENELM_CUDA_ADDON
  if (fake) process.env.OPENELM_CUDA_ADDON = fakeGpuAddon(folder, fake)
  // Who names an addon gets no other.
  else process.env.OPENELM_ADDON ||= join(root, 'build/Release/openelm.node')
  try {
    return await Model.load(path, options)
  } finally {
    for (const name of ['OPENELM_CUDA_ADDON', 'OPENELM_ADDON']) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
}

tap.test('backends', async (t) => {
  const path = await lexiconFile(t)

  t.test('auto takes a GPU that works, with all layers or some', async (t) => {
    for (const [gpuLayers, given] of [
      [undefined, 8],
      [3, 3],
      [99, 8],
    ] as const) {
      await using model = await load(path, 'works', {
        backend: 'auto',
        ...(gpuLayers === undefined ? {} : { gpuLayers }),
      })
      t.match(model, { backend: 'cuda', gpuLayers: given, fallback: undefined, batchSize: 2048, layers: 8 })
      t.match(model.device, { name: 'Pretended GPU', totalBytes: 2 ** 30 })
      await using session = model.createSession({ nCtx: 64 })
      t.equal((await session.evaluate([1, 2, 3])).length, model.vocabSize)
    }
  })

  t.test('the CPU computes where it is named, and for no layers, whatever the GPU does', async (t) => {
    for (const options of [
      { backend: 'cpu' },
      { backend: 'auto', gpuLayers: 0 },
      { backend: 'cuda', gpuLayers: 0 },
    ] as const) {
      await using model = await load(path, 'crashes', options)
      t.match(model, { backend: 'cpu', gpuLayers: 0, device: undefined, fallback: undefined, batchSize: 512 })
    }
  })

  t.test(
    'without a build for a GPU auto is the CPU and says nothing, unless layers were to go there',
    async (t) => {
      await using model = await load(path, undefined, { backend: 'auto' })
      t.match(model, { backend: 'cpu', fallback: undefined })
      await using wanting = await load(path, undefined, { backend: 'auto', gpuLayers: 4 })
      t.match(wanting, {
        backend: 'cpu',
        fallback: 'No GPU is used. There is no build of openelm for one here (docs/gpu.md).',
      })
    },
  )

  t.test('auto falls back to the CPU and says why', async (t) => {
    const cases: [Fake, string][] = [
      ['crashes', 'The CUDA build failed its trial: it crashed (SIGSEGV).'],
      ['has no device', 'The CUDA build failed its trial: no CUDA-capable device is detected.'],
      ['full', 'The model could not be put on it: 6 MB are needed, 1 MB is free; 1 layer would fit.'],
    ]
    for (const [fake, why] of cases) {
      await using model = await load(path, fake, { backend: 'auto' })
      t.match(model, { backend: 'cpu', fallback: `No GPU is used. ${why}` }, fake)
    }
  })

  t.test('a GPU whose chains fail their trial computes without them and says why', async (t) => {
    const fallback =
      'Large models decode slower, chains failed their trial (docs/gpu.md): it crashed (SIGSEGV).'
    for (const backend of ['auto', 'cuda'] as const) {
      await using model = await load(path, 'chains crash', { backend })
      t.match(model, { backend: 'cuda', gpuLayers: 8, fallback })
    }
  })

  t.test('a backend that was named and does not work is an error', async (t) => {
    const absent = await rejectionOf(load(path, undefined, { backend: 'cuda' }))
    t.match(absent, {
      code: 'E_BACKEND',
      message: 'The backend cuda cannot be used.',
      why: 'There is no build of openelm with CUDA here.',
      next: /npm run build:cuda/,
    })
    t.match(await rejectionOf(load(path, 'crashes', { backend: 'cuda' })), {
      code: 'E_BACKEND',
      why: 'Its trial in another process failed: it crashed (SIGSEGV).',
      next: /docs\/gpu\.md/,
    })
    t.match(await rejectionOf(load(path, 'full', { backend: 'cuda' })), {
      code: 'E_MEMORY',
      why: /6 MB are needed, 1 MB is free; 1 layer would fit/,
      next: /--gpu-layers/,
    })
    t.match(await rejectionOf(load(path, undefined, { backend: 'host' })), {
      code: 'E_BACKEND',
      why: 'Only builds for tests have it.',
    })
    if (process.platform !== 'darwin') {
      t.match(await rejectionOf(load(path, undefined, { backend: 'metal' })), {
        code: 'E_BACKEND',
        next: /macOS/,
      })
    }
  })

  t.test('a trial can be aborted', async (t) => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 100)
    const error = await rejectionOf(load(path, 'hangs', { backend: 'auto', signal: controller.signal }))
    t.match(error, { code: 'E_ABORTED' })
  })
})
