import type { NativeMappedFile } from '../../native/binding.js'
import { formatError } from '../format-error.js'
import type { RowSource } from '../row-source.js'
import type { Checkpoint, CheckpointTensor } from '../safetensors/checkpoint.js'
import type { MlxQuantization } from './quantization.js'
import { QuantizedRows } from './quantized-rows.js'

type MappedTensor = CheckpointTensor<NativeMappedFile>

/**
 * A checkpoint in which every quantized matrix (NAME.weight in words of 32 bits, NAME.scales, NAME.biases) is one tensor
 * of f32, computed as it is read.
 * @throws OpenElmError E_FORMAT when the three do not belong together, E_UNSUPPORTED
 */
export function dequantized(
  { files, tensors }: Checkpoint<NativeMappedFile>,
  quantizationOf: (module: string) => MlxQuantization,
): Checkpoint<RowSource> {
  const seen = new Map<string, CheckpointTensor<RowSource>>(tensors)
  for (const [name, scales] of tensors) {
    if (!name.endsWith('.scales')) continue
    const module = name.slice(0, -'.scales'.length)
    const [weight, biases] = [tensors.get(`${module}.weight`), tensors.get(`${module}.biases`)]
    if (!weight || !biases) throw formatError(scales.file, `${module} has scales, but no weight and biases.`)
    seen.delete(scales.name)
    seen.delete(biases.name)
    seen.set(weight.name, expand(module, weight, scales, biases, quantizationOf(module)))
  }
  return { files, tensors: seen }
}

function expand(
  module: string,
  weight: MappedTensor,
  scales: MappedTensor,
  biases: MappedTensor,
  quantization: MlxQuantization,
): CheckpointTensor<RowSource> {
  const { bits, groupSize } = quantization
  const [rows = 0, words = 0] = weight.shape
  const cols = (words * 32) / bits
  const wanted = `${[rows, cols / groupSize]}`
  const fits = weight.dtype === 'U32' && weight.shape.length === 2 && cols % groupSize === 0
  if (!fits || `${scales.shape}` !== wanted || `${biases.shape}` !== wanted) {
    throw formatError(
      weight.file,
      `${module}: a weight of ${weight.dtype} [${weight.shape.join(', ')}] with scales [${scales.shape.join(', ')}] and ` +
        `biases [${biases.shape.join(', ')}] is not ${bits} bits in groups of ${groupSize}.`,
    )
  }
  const parts = { weight, scales: scalePart(scales), biases: scalePart(biases) }
  const source = new QuantizedRows(parts, rows, cols, quantization)
  const { name, file } = weight
  return { name, file, dtype: 'F32', shape: [rows, cols], offset: 0, bytes: source.size, source }
}

function scalePart({ name, dtype, source, offset, file }: MappedTensor) {
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return { source, offset, type: dtype }
  throw formatError(file, `Tensor ${name} has the type ${dtype}.`)
}
