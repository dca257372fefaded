import { OpenElmError } from '../errors.js'
import type { CpuInfo, IsaName } from '../native/binding.js'
import { isaSchema, MAX_THREADS, threadsSchema } from './options.js'
import { validate } from './validate.js'

/**
 * The number of engine threads: as given, else OPENELM_THREADS, else the physical cores.
 * @throws OpenElmError E_USAGE naming the option or the variable
 */
export function resolveThreads(given: number | undefined, cpu: CpuInfo): number {
  if (given !== undefined) return validate(threadsSchema, given, 'threads')
  const text = process.env.OPENELM_THREADS
  if (text) return validate(threadsSchema, /^\d+$/.test(text) ? Number(text) : text, 'OPENELM_THREADS')
  return Math.min(Math.max(1, cpu.physicalCores), MAX_THREADS)
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
