import { unsupportedError } from '../formats/format-error.js'
import { ggmlType, rowBytes } from '../formats/ggml-types.js'
import { type GgufValue, gguf } from '../formats/gguf/values.js'
import type { RowSource } from '../formats/row-source.js'
import type { Checkpoint, CheckpointTensor } from '../formats/safetensors/checkpoint.js'
import { type ModelConfig, parameterCount } from '../model/config.js'
import { fileTypes } from '../model/file-type.js'
import { architecture, configToGguf } from '../model/gguf-config.js'
import type { OpenedCheckpoint } from '../model/open-huggingface.js'
import { type TensorSpec, tensorSpecs } from '../model/tensors.js'
import {
  chatTemplateOf,
  checkpointName,
  licenseMetadata,
  samplingMetadata,
  sizeLabel,
} from './hf-metadata.js'
import {
  type ConversionPlan,
  fallbackNotes,
  outputType,
  quantizationVersion,
  type TargetType,
  type TensorTask,
} from './plan.js'
import { fitVocabulary, type LoadTokenizer } from './tokenizer.js'

/**
 * Plans the conversion of a checkpoint.
 * @param path what messages call it
 * @throws OpenElmError E_TOKENIZER, E_UNSUPPORTED
 */
export async function planCheckpoint(
  path: string,
  { folder, config: padded, checkpoint }: OpenedCheckpoint,
  target: TargetType,
  loadTokenizer: LoadTokenizer,
): Promise<ConversionPlan> {
  const tokenizer = await loadTokenizer(folder)
  const { config, notes } = fitVocabulary(padded, tokenizer, path)
  const tasks = tensorSpecs(config).map((spec) => taskOf(spec, checkpoint, target))
  return {
    config,
    metadata: [
      ...generalMetadata(folder, config, target),
      ...configToGguf(config),
      ...tokenizer.metadata,
      ...chatMetadata(folder),
    ],
    tasks,
    sources: checkpoint.files,
    notes: [`The tokenizer is ${tokenizer.origin}.`, ...notes, ...fallbackNotes(tasks, target)],
  }
}

function generalMetadata(folder: string, config: ModelConfig, target: TargetType): [string, GgufValue][] {
  return [
    ['general.architecture', gguf.string(architecture)],
    ['general.type', gguf.string('model')],
    ['general.name', gguf.string(checkpointName(folder))],
    ['general.size_label', gguf.string(sizeLabel(parameterCount(config)))],
    ...licenseMetadata(folder),
    ...samplingMetadata(folder),
    ['general.file_type', gguf.uint32(fileTypes[target])],
    ['general.quantization_version', gguf.uint32(quantizationVersion)],
  ]
}

function chatMetadata(folder: string): [string, GgufValue][] {
  const template = chatTemplateOf(folder, checkpointName(folder))
  return template === undefined ? [] : [['tokenizer.chat_template', gguf.string(template)]]
}

function taskOf(spec: TensorSpec, checkpoint: Checkpoint<RowSource>, target: TargetType): TensorTask {
  const tensor = checkpoint.tensors.get(spec.hf.name)
  if (!tensor) throw new Error(`checkTensors let ${spec.hf.name} pass`)
  const from = weightType(tensor)
  return {
    name: spec.name,
    file: tensor.source,
    offset: tensor.offset + spec.hf.firstRow * rowBytes(from, spec.cols),
    from,
    to: outputType(spec, target),
    rows: spec.rows,
    cols: spec.cols,
    vector: spec.norm,
  }
}

function weightType(tensor: CheckpointTensor<RowSource>) {
  const { dtype } = tensor
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return ggmlType(dtype)
  throw unsupportedError(
    tensor.file,
    `Tensor ${tensor.name} has the type ${dtype}; F32, F16 and BF16 can be converted.`,
    'Use a checkpoint with 16- or 32-bit floating-point weights.',
  )
}
