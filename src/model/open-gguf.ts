import { formatError } from '../formats/format-error.js'
import type { GgufMetadata } from '../formats/gguf/metadata.js'
import { type GgufFile, type GgufTensor, readGguf } from '../formats/gguf/reader.js'
import type { NativeMappedFile, NativeModelConfig, NativeTensor } from '../native/binding.js'
import { type OpenFile, openFile } from '../native/open-file.js'
import { type ModelConfig, nativeConfig } from './config.js'
import { fileTypeName } from './file-type.js'
import { configFromGguf } from './gguf-config.js'
import { checkTensors, ggufShapes, tensorSpecs } from './tensors.js'

/** A model file whose header has been checked, ready for the addon. */
export interface OpenedModel {
  readonly path: string
  /** The mapped file; hand it to the addon together with `tensors`. */
  readonly file: NativeMappedFile
  readonly gguf: GgufFile
  readonly config: ModelConfig
  readonly nativeConfig: NativeModelConfig
  /** Every tensor of the model, in the order of tensorSpecs. */
  readonly tensors: readonly NativeTensor[]
  /** Where the tokenizer comes from: the `tokenizer.ggml.*` keys. */
  readonly metadata: GgufMetadata
  readonly chatTemplate: string | undefined
  /** `general.name`. */
  readonly name: string | undefined
  /** Such as `Q8_0`. */
  readonly fileType: string
  /** Bytes of all tensors. */
  readonly weightBytes: number
}

/**
 * Opens an OpenELM GGUF file: header, config, and that the tensors are those of the config.
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT, E_UNSUPPORTED, E_CONFIG
 */
export function openGguf(path: string, open: OpenFile = openFile): OpenedModel {
  const file = open(path)
  return modelOfGguf(path, file, readGguf(file, path))
}

/** The model in a GGUF file whose header was read already. @throws as openGguf */
export function modelOfGguf(path: string, file: NativeMappedFile, gguf: GgufFile): OpenedModel {
  const { metadata } = gguf
  const byName = new Map(gguf.tensors.map((tensor) => [tensor.name, tensor]))
  const config = configFromGguf(metadata, vocabSizeOf(gguf, byName))
  checkTensors(
    ggufShapes(config),
    gguf.tensors.map(({ name, dims }) => ({ name, shape: [...dims].reverse() })),
    path,
  )
  const tensors = tensorSpecs(config).map(({ name }) => nativeTensor(byName, name))
  return {
    path,
    file,
    gguf,
    config,
    nativeConfig: nativeConfig(config),
    tensors,
    metadata,
    chatTemplate: metadata.string('tokenizer.chat_template'),
    name: metadata.string('general.name'),
    fileType: fileTypeName(metadata.integer('general.file_type'), gguf.tensors),
    weightBytes: gguf.tensors.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** Rows of the embedding, which must be as many as the tokenizer has tokens. */
function vocabSizeOf(gguf: GgufFile, byName: ReadonlyMap<string, GgufTensor>): number {
  const { metadata } = gguf
  const rows = byName.get('token_embd.weight')?.rows ?? 1
  const tokens = metadata.get('tokenizer.ggml.tokens')
  if (tokens?.type === 'array' && tokens.values.length !== rows) {
    const why = `Its tokenizer has ${tokens.values.length} tokens, its embedding ${rows} rows.`
    throw formatError(metadata.label, why)
  }
  return rows
}

function nativeTensor(byName: ReadonlyMap<string, GgufTensor>, name: string): NativeTensor {
  const tensor = byName.get(name)
  if (!tensor) throw new Error(`checkTensors let ${name} pass`)
  const { type, rows, cols, offset } = tensor
  return { name, type: type.id, rows, cols, offset }
}
