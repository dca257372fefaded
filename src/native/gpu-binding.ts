/** The part of the addon's surface (binding.ts) that is about GPUs. */

/** Where layers run. `host` plays a GPU with threads; only the build for tests has it. */
export type BackendName = 'cpu' | 'cuda' | 'metal' | 'host'

/** A GPU that the addon can use. */
export interface GpuDevice {
  readonly backend: Exclude<BackendName, 'cpu'>
  /** Such as `NVIDIA H100 80GB HBM3`. */
  readonly name: string
  /** Such as `compute capability 9.0, driver 13.0`. */
  readonly details: string
  readonly totalBytes: number
  /** When it was asked. */
  readonly freeBytes: number
}

export interface GpuDevices {
  /** GPU backends compiled in. */
  readonly compiled: readonly GpuDevice['backend'][]
  readonly devices: readonly GpuDevice[]
  /** Why a backend that is compiled in has no device, in its driver's words. */
  readonly failures: readonly { readonly backend: GpuDevice['backend']; readonly message: string }[]
}
