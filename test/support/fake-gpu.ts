import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './files.js'

/** What a pretended build with CUDA does. */
export type Fake =
  /** The CPU computes and is called a GPU. */
  | 'works'
  /** As above, but the device has no memory for any model other than the trial's. */
  | 'full'
  /** Passes its trial and fails when text is generated. */
  | 'fails later'
  | 'computes wrong'
  /** Only by chains, and has a model loaded without them. */
  | 'chains wrong'
  | 'chains crash'
  | 'has no device'
  | 'is without CUDA'
  | 'throws'
  | 'crashes'
  | 'exits'
  | 'hangs'

const addon = process.env.OPENELM_ADDON || join(root, 'build/Release/openelm.node')

/** Never goes on. */
const HANG = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'
const CRASH = `process.kill(process.pid, "SIGSEGV"); ${HANG}`

/** A module that passes for the addon: the real one, with a device it does not have. */
const pretending = (fake: Fake): string => `
const crash = () => { ${CRASH} }
const real = require(${JSON.stringify(addon)})
const fake = ${JSON.stringify(fake)}
const device = {
  backend: 'cuda', name: 'Pretended GPU', details: 'compute capability 0.0, driver 0.0', totalBytes: 2 ** 30, freeBytes: 2 ** 29,
}
class Model extends real.Model {
  constructor(config, weights, { threads, isa, backend = 'cpu', gpuLayers, chains }) {
    if (fake === 'full' && backend === 'cuda' && config.heads.length > 2) {
      throw Object.assign(new Error('6 MB are needed, 1 MB is free; 1 layer would fit'), { code: 'MEMORY' })
    }
    if (fake.startsWith('chains') && backend === 'cuda' && config.heads.length > 2 && chains !== false) {
      throw new Error('chains were not to be used')
    }
    super(config, weights, { threads, isa })
    const layers = config.heads.length
    this.own = { backend, gpuLayers: backend === 'cpu' ? 0 : Math.min(layers, gpuLayers ?? layers) }
  }
  get backend() { return this.own.backend }
  get gpuLayers() { return this.own.gpuLayers }
  get gpuWeightBytes() { return 0 }
  get device() { return this.own.backend === 'cpu' ? null : device }
  createSession(...size) {
    const session = super.createSession(...size)
    if (fake === 'fails later' && this.own.backend === 'cuda') {
      const why = 'CUDA failed at waiting: unspecified launch failure (cudaErrorLaunchFailure)'
      const generate = () => Promise.reject(Object.assign(new Error(why), { code: 'DEVICE' }))
      Object.defineProperty(session, 'generate', { value: generate })
    }
    const chains = this.own.backend === 'cuda' && process.env.OPENELM_CUDA_CHAIN === '1'
    if (fake === 'chains crash' && chains) crash()
    const wrong = fake === 'computes wrong' || (fake === 'chains wrong' && chains)
    if (!wrong || this.own.backend === 'cpu') return session
    return {
      evaluate: async (...args) => (await session.evaluate(...args)).map((x) => 2 * x),
      dispose: () => session.dispose(),
    }
  }
}
const gpuDevices = () => ({
  compiled: fake === 'is without CUDA' ? [] : ['cuda'],
  devices: fake === 'is without CUDA' || fake === 'has no device' ? [] : [device],
  failures: fake === 'has no device' ? [{ backend: 'cuda', message: 'no CUDA-capable device is detected' }] : [],
})
module.exports = { ...real, Model, gpuDevices }
`

const MODULES: Partial<Record<Fake, string>> = {
  throws: 'throw new Error("libcuda.so.1: cannot open shared object file\\nand more")',
  crashes: CRASH,
  exits: 'console.error("the driver gave up"); process.exit(3)',
  hangs: HANG,
}

/** Writes a pretended build with CUDA; its path is for OPENELM_CUDA_ADDON. */
export function fakeGpuAddon(folder: string, fake: Fake): string {
  const path = join(folder, `${fake.replaceAll(' ', '-')}.cjs`)
  writeFileSync(path, MODULES[fake] ?? pretending(fake))
  return path
}
