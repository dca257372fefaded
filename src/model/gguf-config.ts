import { OpenElmError } from '../errors.js'
import { unsupportedError } from '../formats/format-error.js'
import type { GgufMetadata } from '../formats/gguf/metadata.js'
import { type GgufValue, gguf } from '../formats/gguf/values.js'
import { checkConfig, type ModelConfig, openElmRmsEps } from './config.js'

export const architecture = 'openelm'

/** Keys of the config, as llama.cpp writes and reads them for this architecture. */
const keys = {
  architecture: 'general.architecture',
  layers: 'openelm.block_count',
  contextLength: 'openelm.context_length',
  dim: 'openelm.embedding_length',
  ffn: 'openelm.feed_forward_length',
  heads: 'openelm.attention.head_count',
  kvHeads: 'openelm.attention.head_count_kv',
  keyLength: 'openelm.attention.key_length',
  valueLength: 'openelm.attention.value_length',
  rmsEps: 'openelm.attention.layer_norm_rms_epsilon',
  ropeBase: 'openelm.rope.freq_base',
  ropeDim: 'openelm.rope.dimension_count',
  vocabSize: 'openelm.vocab_size',
} as const

/** Any of these would change the positions of RoPE; no OpenELM has them. */
const ropeScalingPrefix = 'openelm.rope.scaling.'

/**
 * The model that GGUF metadata describes. Per-layer values may be arrays or one number for all layers.
 * @param vocabSize rows of the token embedding
 * @throws OpenElmError E_UNSUPPORTED for another architecture, E_CONFIG, E_FORMAT for values of a wrong type
 */
export function configFromGguf(metadata: GgufMetadata, vocabSize: number): ModelConfig {
  const { label } = metadata
  checkArchitecture(metadata)
  const layers = needed(metadata, keys.layers, metadata.integer(keys.layers))
  if (layers < 1 || layers > 4096) throw configError(label, `"${keys.layers}" is ${layers}.`)
  const heads = needed(metadata, keys.heads, metadata.integers(keys.heads, layers))
  const headDim = needed(metadata, keys.keyLength, metadata.integer(keys.keyLength))
  for (const key of [keys.valueLength, keys.ropeDim]) {
    const value = metadata.integer(key) ?? headDim
    if (value !== headDim) {
      throw unsupportedError(label, `"${key}" is ${value}; OpenELM has the head dimension, ${headDim}.`)
    }
  }
  return checkConfig(
    {
      dim: needed(metadata, keys.dim, metadata.integer(keys.dim)),
      headDim,
      vocabSize,
      heads,
      kvHeads: metadata.integers(keys.kvHeads, layers) ?? heads,
      ffn: needed(metadata, keys.ffn, metadata.integers(keys.ffn, layers)),
      ropeBase: metadata.number(keys.ropeBase) ?? 10000,
      rmsEps: metadata.number(keys.rmsEps) ?? openElmRmsEps,
      contextLength: metadata.integer(keys.contextLength) ?? 2048,
    },
    label,
  )
}

function checkArchitecture(metadata: GgufMetadata): void {
  const found = metadata.string(keys.architecture)
  if (found !== architecture) {
    const why =
      found === undefined ? 'It names no architecture.' : `It holds a model of the "${found}" architecture.`
    throw unsupportedError(metadata.label, why, 'Choose a GGUF file of an OpenELM model.')
  }
  for (const [key] of metadata) {
    if (!key.startsWith(ropeScalingPrefix)) continue
    if (key === `${ropeScalingPrefix}type` && metadata.string(key) === 'none') continue
    throw unsupportedError(metadata.label, `It scales RoPE ("${key}"), which no OpenELM model does.`)
  }
}

function needed<T>(metadata: GgufMetadata, key: string, value: T | undefined): T {
  if (value === undefined) throw configError(metadata.label, `The metadata key "${key}" is missing.`)
  return value
}

function configError(label: string, why: string): OpenElmError {
  return new OpenElmError('E_CONFIG', `${label} describes no model that can be run.`, {
    why,
    next: 'Check that it is an OpenELM model and that the file is complete.',
  })
}

/** The metadata of a config: what configFromGguf and llama.cpp need to read it back. */
export function configToGguf(config: ModelConfig): [string, GgufValue][] {
  return [
    [keys.layers, gguf.uint32(config.heads.length)],
    [keys.contextLength, gguf.uint32(config.contextLength)],
    [keys.dim, gguf.uint32(config.dim)],
    [keys.ffn, gguf.int32s(config.ffn)],
    [keys.heads, gguf.int32s(config.heads)],
    [keys.kvHeads, gguf.int32s(config.kvHeads)],
    [keys.ropeBase, gguf.float32(config.ropeBase)],
    [keys.rmsEps, gguf.float32(config.rmsEps)],
    [keys.ropeDim, gguf.uint32(config.headDim)],
    [keys.keyLength, gguf.uint32(config.headDim)],
    [keys.valueLength, gguf.uint32(config.headDim)],
    [keys.vocabSize, gguf.uint32(config.vocabSize)],
  ]
}
