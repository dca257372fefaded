import type { Activations, BackendName, GpuDevice } from '../native/binding.js'

/** What is told of a model about where it is computed. */
export interface Computed {
  readonly backend: BackendName
  readonly device: GpuDevice | undefined
  readonly gpuLayers: number
  readonly layers: number
  readonly isa: string
  readonly activations: Activations
  readonly threads: number
}

/** The processor's kernels: `avx512`, or `avx512, int8 activations`. */
export const kernelsName = ({ isa, activations }: Pick<Computed, 'isa' | 'activations'>): string =>
  activations === 'int8' ? `${isa}, int8 activations` : isa

/**
 * `avx512, 2 threads`; `avx512, int8 activations, 2 threads`; `cuda, NVIDIA H100 80GB HBM3`; where both compute
 * `cuda, NVIDIA H100 80GB HBM3 with 20 of 36 layers; avx512, 2 threads`.
 */
export function computedBy(model: Computed): string {
  const cpu = `${kernelsName(model)}, ${model.threads} ${model.threads === 1 ? 'thread' : 'threads'}`
  if (!model.device) return cpu
  const gpu = `${model.backend}, ${model.device.name}`
  if (model.gpuLayers >= model.layers) return gpu
  return `${gpu} with ${model.gpuLayers} of ${model.layers} layers; ${cpu}`
}
