import { readGguf } from '../formats/gguf/reader.js'
import { type GgufValue, gguf } from '../formats/gguf/values.js'
import { fileTypes } from '../model/file-type.js'
import { modelOfGguf } from '../model/open-gguf.js'
import { tensorSpecs } from '../model/tensors.js'
import type { OpenFile } from '../native/open-file.js'
import {
  type ConversionPlan,
  fallbackNotes,
  outputType,
  quantizationVersion,
  type TargetType,
  type TensorTask,
} from './plan.js'

/**
 * Plans the conversion of an OpenELM GGUF file to another type. Metadata is kept as it is, known or not, in its order.
 * @throws OpenElmError as openGguf does
 */
export function planGguf(path: string, target: TargetType, open: OpenFile): ConversionPlan {
  const file = open(path)
  const parsed = readGguf(file, path)
  const { config } = modelOfGguf(path, file, parsed)
  const byName = new Map(parsed.tensors.map((tensor) => [tensor.name, tensor]))
  const tasks = tensorSpecs(config).map((spec): TensorTask => {
    const tensor = byName.get(spec.name)
    if (!tensor) throw new Error(`modelOfGguf let ${spec.name} pass`)
    const { name, rows, cols, norm } = spec
    const to = outputType(spec, target)
    return { name, file, offset: tensor.offset, from: tensor.type, to, rows, cols, vector: norm }
  })
  const metadata = new Map<string, GgufValue>(parsed.metadata)
  metadata.set('general.file_type', gguf.uint32(fileTypes[target]))
  metadata.set('general.quantization_version', gguf.uint32(quantizationVersion))
  return {
    config,
    metadata: [...metadata],
    tasks,
    sources: [path],
    notes: [...requantizedNotes(tasks), ...fallbackNotes(tasks, target)],
  }
}

/** Rounding twice costs accuracy that rounding once from the original would not. */
function requantizedNotes(tasks: readonly TensorTask[]): string[] {
  const twice = tasks.find(({ from, to }) => from !== to && from.blockElements > 1 && to.blockElements > 1)
  if (!twice) return []
  return [
    `The weights were quantized before (${twice.from.name}); the original checkpoint would give a more exact ${twice.to.name}.`,
  ]
}
