import { OpenElmError } from '../errors.js'
import type { CpuInfo, IsaName } from '../native/binding.js'
import { backendSchema, gpuLayersSchema, isaSchema, MAX_THREADS, threadsSchema } from './options.js'
import type { LoadOptions } from './types.js'
import { validate } from './validate.js'

/**
 * The number of engine threads: as given, else OPENELM_THREADS, else the physical cores.
 * @throws OpenElmError E_USAGE naming the option or the variable
 */
export function resolveThreads(given: number | undefined, cpu: CpuInfo): number {
  if (given !== undefined) return validate(threadsSchema, given, 'threads')
  const text = process.env.OPENELM_THREADS
  if (text) return validate(threadsSchema, numberIn(text), 'OPENELM_THREADS')
  return Math.min(Math.max(1, cpu.physicalCores), MAX_THREADS)
}

const numberIn = (text: string) => (/^\d+$/.test(text) ? Number(text) : text)

/** What shall compute: as given, else OPENELM_BACKEND, else auto. @throws OpenElmError E_USAGE */
export function resolveBackend(given: LoadOptions['backend']): NonNullable<LoadOptions['backend']> {
  if (given !== undefined) return validate(backendSchema, given, 'backend')
  const text = process.env.OPENELM_BACKEND
  return text ? validate(backendSchema, text, 'OPENELM_BACKEND') : 'auto'
}

/** Layers for the GPU: as given, else OPENELM_GPU_LAYERS; undefined is all. @throws OpenElmError E_USAGE */
export function resolveGpuLayers(given: number | undefined): number | undefined {
  if (given !== undefined) return validate(gpuLayersSchema, given, 'gpuLayers')
  const text = process.env.OPENELM_GPU_LAYERS
  return text ? validate(gpuLayersSchema, numberIn(text), 'OPENELM_GPU_LAYERS') : undefined
}

/**
 * The kernel variant: as given, else OPENELM_ISA, else the best this machine runs.
 * @throws OpenElmError E_USAGE for an unknown name, E_UNSUPPORTED for one this machine does not run
 */
export function resolveIsa(given: IsaName | undefined, cpu: CpuInfo): IsaName {
  const variable = process.env.OPENELM_ISA
  if (given === undefined && !variable) return cpu.best
  const isa =
    given === undefined ? validate(isaSchema, variable, 'OPENELM_ISA') : validate(isaSchema, given, 'isa')
  const runs = cpu.isas.filter((candidate) => candidate.supported).map((candidate) => candidate.name)
  if (runs.includes(isa)) return isa
  throw new OpenElmError('E_UNSUPPORTED', `This machine does not run the ${isa} kernels.`, {
    why: `Its processor and operating system run: ${runs.join(', ')}.`,
    next: 'Leave the choice to openelm, or name one of these.',
  })
}
