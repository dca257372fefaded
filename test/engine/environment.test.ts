import tap from 'tap'
import { resolveBackend, resolveGpuLayers, resolveIsa, resolveThreads } from '../../src/engine/environment.js'
import type { CpuInfo } from '../../src/engine/types.js'

const cpu: CpuInfo = {
  arch: 'x64',
  isas: [
    { name: 'reference', supported: true },
    { name: 'avx2', supported: true },
    { name: 'avx512', supported: false },
  ],
  best: 'avx2',
  physicalCores: 6,
}

/** Runs with one variable set, or removed. */
function withVariable<T>(name: string, value: string | undefined, run: () => T): T {
  const before = process.env[name]
  const set = (to: string | undefined) => {
    if (to === undefined) delete process.env[name]
    else process.env[name] = to
  }
  set(value)
  try {
    return run()
  } finally {
    set(before)
  }
}

tap.test('threads: as given, else OPENELM_THREADS, else the physical cores', async (t) => {
  const threads = (variable: string | undefined, given?: number) =>
    withVariable('OPENELM_THREADS', variable, () => resolveThreads(given, cpu))
  t.equal(threads(undefined), 6)
  t.equal(threads(''), 6)
  t.equal(threads('3'), 3)
  t.equal(threads('3', 2), 2)
  t.throws(() => threads(undefined, 0), {
    code: 'E_USAGE',
    message: 'Expected an integer between 1 and 256 for threads but received 0.',
  })
  t.throws(() => threads('many'), {
    code: 'E_USAGE',
    message: 'Expected an integer between 1 and 256 for OPENELM_THREADS but received "many".',
  })
  t.throws(() => threads('0'), { code: 'E_USAGE', message: /OPENELM_THREADS but received 0/ })
})

tap.test('isa: as given, else OPENELM_ISA, else the best', async (t) => {
  const isa = (variable: string | undefined, given?: 'reference' | 'avx512') =>
    withVariable('OPENELM_ISA', variable, () => resolveIsa(given, cpu))
  t.equal(isa(undefined), 'avx2')
  t.equal(isa('reference'), 'reference')
  t.equal(isa('avx2', 'reference'), 'reference')
  t.throws(() => isa('sse9'), {
    code: 'E_USAGE',
    message: 'Expected one of reference, avx2, avx512, amx, neon for OPENELM_ISA but received "sse9".',
  })
  t.throws(() => isa(undefined, 'avx512'), { code: 'E_UNSUPPORTED', why: /reference, avx2\./ })
  t.throws(() => isa('neon'), { code: 'E_UNSUPPORTED' })
})

tap.test('backend: as given, else OPENELM_BACKEND, else auto', async (t) => {
  const backend = (variable: string | undefined, given?: 'cpu' | 'cuda') =>
    withVariable('OPENELM_BACKEND', variable, () => resolveBackend(given))
  t.equal(backend(undefined), 'auto')
  t.equal(backend(''), 'auto')
  t.equal(backend('metal'), 'metal')
  t.equal(backend('metal', 'cuda'), 'cuda')
  t.throws(() => backend('gpu'), {
    code: 'E_USAGE',
    message: 'Expected one of auto, cpu, cuda, metal for OPENELM_BACKEND but received "gpu".',
  })
})

tap.test('layers for the GPU: as given, else OPENELM_GPU_LAYERS, else all', async (t) => {
  const layers = (variable: string | undefined, given?: number) =>
    withVariable('OPENELM_GPU_LAYERS', variable, () => resolveGpuLayers(given))
  t.equal(layers(undefined), undefined)
  t.equal(layers('12'), 12)
  t.equal(layers('12', 0), 0)
  t.throws(() => layers('all'), {
    code: 'E_USAGE',
    message: 'Expected an integer between 0 and 4096 for OPENELM_GPU_LAYERS but received "all".',
  })
  t.throws(() => layers(undefined, -1), { code: 'E_USAGE', message: /for gpuLayers but received -1/ })
})
