import type { CpuInfo, GpuDevice } from '../native/binding.js'
import { type GpuAddon, gpuAddons, loadGpuAddon, loadNative } from '../native/load.js'
import { backendTitle } from './backend.js'

/** What can compute here. */
export interface Devices {
  readonly cpu: CpuInfo
  /** For each build with a GPU backend that is here its GPUs, or why there are none to use. */
  readonly gpus: readonly {
    readonly backend: GpuDevice['backend']
    readonly title: string
    readonly devices: readonly GpuDevice[]
    readonly why: string | undefined
    /** Why they decode large models like small ones (docs/gpu.md). */
    readonly withoutChains: string | undefined
  }[]
}

/** Looks at the processor, and tries every GPU build that is here. @throws OpenElmError E_NATIVE_LOAD */
export async function findDevices(signal: AbortSignal): Promise<Devices> {
  const { probe } = await import('../native/probe.js')
  const gpus: Devices['gpus'][number][] = []
  for (const build of gpuAddons()) {
    const probed = await probe(build, { signal, fresh: true })
    const { devices, why } = probed.works ? devicesOf(build) : { devices: [], why: probed.why }
    const withoutChains = probed.works ? probed.withoutChains : undefined
    gpus.push({ backend: build.backend, title: backendTitle(build.backend), devices, why, withoutChains })
  }
  return { cpu: loadNative().cpu(), gpus }
}

function devicesOf(build: GpuAddon): { devices: readonly GpuDevice[]; why: string | undefined } {
  try {
    const { devices } = loadGpuAddon(build).gpuDevices()
    return { devices: devices.filter(({ backend }) => backend === build.backend), why: undefined }
  } catch (error) {
    return { devices: [], why: error instanceof Error ? error.message : String(error) }
  }
}
