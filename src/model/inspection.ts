import { OpenElmError } from '../errors.js'
import type { ByteSource } from '../formats/byte-source.js'
import { type GgufFile, isGguf, readGguf } from '../formats/gguf/reader.js'
import type { GgufValue } from '../formats/gguf/values.js'
import { type Checkpoint, openCheckpoint } from '../formats/safetensors/checkpoint.js'
import type { KvType } from '../native/binding.js'
import { type OpenFile, openFile, statFile } from '../native/open-file.js'
import { kvCacheBytes, layerParameters, type ModelConfig, parameterCount } from './config.js'
import { fileTypeName } from './file-type.js'
import { modelOfGguf } from './open-gguf.js'
import { openHuggingFace } from './open-huggingface.js'

export interface InspectedTensor {
  readonly name: string
  readonly type: string
  /** Row-major, contiguous dimension last. */
  readonly shape: readonly number[]
  readonly bytes: number
  readonly file: string
  /** Bytes from the start of the file. */
  readonly offset: number
}

export interface InspectedLayer {
  readonly layer: number
  readonly heads: number
  readonly kvHeads: number
  readonly ffn: number
  readonly parameters: number
}

/** What a model file holds, for people and for `--json`. */
export interface Inspection {
  readonly path: string
  readonly format: 'gguf' | 'safetensors'
  /** Such as `GGUF v3, alignment 32`. */
  readonly formatDetail: string
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly name: string | undefined
  readonly fileType: string | undefined
  /** Undefined when this is no OpenELM model that can be run; `problem` says why. */
  readonly config: ModelConfig | undefined
  readonly problem: { readonly code: string; readonly message: string; readonly why?: string } | undefined
  readonly parameters: number
  readonly weightBytes: number
  readonly layers: readonly InspectedLayer[]
  readonly memory:
    | {
        readonly weightBytes: number
        readonly contextLength: number
        /** Bytes of the kv cache at full context; a type the head_dim does not allow is missing. */
        readonly kvBytes: Readonly<Partial<Record<KvType, number>>>
      }
    | undefined
  readonly tensors: readonly InspectedTensor[]
  /** GGUF key-value pairs; arrays of more than 64 items only by their type and length. */
  readonly metadata: Readonly<Record<string, unknown>>
}

/**
 * Describes a GGUF file, a safetensors file, or the folder of a checkpoint. A valid file of another kind of model is
 * described as far as it goes.
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT
 */
export function inspect(path: string, open: OpenFile = openFile): Inspection {
  if (statFile(path).isFile()) {
    const file = open(path)
    if (isGguf(file)) return inspectGguf(path, open)
  }
  return inspectSafetensors(path, open)
}

function inspectGguf(path: string, open: OpenFile): Inspection {
  const file = open(path)
  const gguf: GgufFile = readGguf(file, path)
  const tensors = gguf.tensors.map(({ name, type, dims, bytes, offset }) => ({
    name,
    type: type.name,
    shape: [...dims].reverse(),
    bytes,
    file: path,
    offset,
  }))
  return {
    path,
    format: 'gguf',
    formatDetail: `GGUF v${gguf.version}, alignment ${gguf.alignment}`,
    files: [{ path, bytes: file.size }],
    name: gguf.metadata.string('general.name'),
    fileType: fileTypeName(gguf.metadata.integer('general.file_type'), gguf.tensors),
    ...describeModel(tensors, () => modelOfGguf(path, file, gguf).config),
    tensors,
    metadata: Object.fromEntries([...gguf.metadata].map(([key, value]) => [key, plainValue(value)])),
  }
}

function inspectSafetensors(path: string, open: OpenFile): Inspection {
  const checkpoint: Checkpoint<ByteSource> = openCheckpoint(path, open)
  const tensors = [...checkpoint.tensors.values()].map(({ name, dtype, shape, bytes, file, offset }) => ({
    name,
    type: dtype,
    shape,
    bytes,
    file,
    offset,
  }))
  const sizes = new Map([...checkpoint.tensors.values()].map(({ file, source }) => [file, source.size]))
  return {
    path,
    format: 'safetensors',
    formatDetail:
      checkpoint.files.length === 1 ? 'safetensors' : `safetensors, ${checkpoint.files.length} shards`,
    files: checkpoint.files.map((file) => ({ path: file, bytes: sizes.get(file) ?? 0 })),
    name: undefined,
    fileType: undefined,
    ...describeModel(tensors, () => openHuggingFace(path, open).config),
    tensors,
    metadata: {},
  }
}

/** What follows from the config, if there is one. */
function describeModel(tensors: readonly InspectedTensor[], readConfig: () => ModelConfig) {
  const weightBytes = tensors.reduce((sum, { bytes }) => sum + bytes, 0)
  let config: ModelConfig
  try {
    config = readConfig()
  } catch (error) {
    if (!(error instanceof OpenElmError)) throw error
    const { code, message, why } = error
    const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    const problem = { code, message, ...(why === undefined ? {} : { why }) }
    return { config: undefined, problem, parameters, weightBytes, layers: [], memory: undefined }
  }
  const { heads, kvHeads, ffn, contextLength } = config
  return {
    config,
    problem: undefined,
    parameters: parameterCount(config),
    weightBytes,
    layers: heads.map((count, layer) => ({
      layer,
      heads: count,
      kvHeads: kvHeads[layer] ?? 0,
      ffn: ffn[layer] ?? 0,
      parameters: layerParameters(config, layer),
    })),
    memory: { weightBytes, contextLength, kvBytes: kvBytesByType(config) },
  }
}

function kvBytesByType(config: ModelConfig): Partial<Record<KvType, number>> {
  const types: readonly KvType[] = config.headDim % 32 === 0 ? ['f32', 'f16', 'q8_0'] : ['f32', 'f16']
  return Object.fromEntries(types.map((type) => [type, kvCacheBytes(config, type, config.contextLength)]))
}

/** Longer arrays are vocabularies, which no one wants to read here. */
const shownItems = 64

/** A value as JSON can hold it. */
function plainValue(value: GgufValue): unknown {
  if (value.type !== 'array') {
    if (typeof value.value !== 'bigint') return value.value
    const exact = Number(value.value)
    return Number.isSafeInteger(exact) ? exact : value.value.toString()
  }
  const { length } = value.values
  if (length > shownItems || value.itemType === 'array') return { array: value.itemType, length }
  if (value.itemType === 'string') return value.values.toArray()
  return Array.from(value.values as ArrayLike<number | bigint>, (item) =>
    typeof item === 'bigint' ? item.toString() : item,
  )
}
