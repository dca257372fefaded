import { OpenElmError } from '../errors.js'
import type { KvType, NativeModelConfig } from '../native/binding.js'

/** What the engine needs to know of a model, and the context it was made for. */
export interface ModelConfig extends NativeModelConfig {
  /** Tokens of context the model was trained for (max_context_length). */
  readonly contextLength: number
}

/** RMS-norm epsilon of every OpenELM; it is not in config.json. */
export const openElmRmsEps = 1e-6

/** Far above any OpenELM, low enough that sizes computed from a config stay exact numbers. */
const limits = { layers: 4096, dim: 2 ** 20, headDim: 1024, heads: 4096, ffn: 2 ** 22, vocab: 2 ** 24 }

/**
 * Checks that a config describes a model the engine can run, whatever file it came from.
 * @param label what messages call the file
 * @throws OpenElmError E_CONFIG
 */
export function checkConfig(config: ModelConfig, label: string): ModelConfig {
  const refuse = (why: string) =>
    new OpenElmError('E_CONFIG', `${label} describes no model that can be run.`, {
      why,
      next: 'Check that it is an OpenELM model and that the file is complete.',
    })
  const whole = (name: string, value: number, max: number) => {
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw refuse(`${name} is ${value}; a whole number from 1 to ${max} is needed.`)
    }
  }
  const layers = config.heads.length
  whole('The number of layers', layers, limits.layers)
  whole('The model dimension', config.dim, limits.dim)
  whole('The head dimension', config.headDim, limits.headDim)
  whole('The vocabulary size', config.vocabSize, limits.vocab)
  whole('The context length', config.contextLength, 2 ** 31 - 1)
  if (config.headDim % 16 !== 0)
    throw refuse(`The head dimension is ${config.headDim}, not a multiple of 16.`)
  if (config.kvHeads.length !== layers || config.ffn.length !== layers) {
    throw refuse(
      `It has query heads for ${layers}, kv heads for ${config.kvHeads.length} and FFN widths for ` +
        `${config.ffn.length} layers.`,
    )
  }
  for (let layer = 0; layer < layers; layer++) {
    const heads = config.heads[layer] ?? 0
    const kvHeads = config.kvHeads[layer] ?? 0
    whole(`The number of query heads of layer ${layer}`, heads, limits.heads)
    whole(`The number of kv heads of layer ${layer}`, kvHeads, limits.heads)
    whole(`The FFN width of layer ${layer}`, config.ffn[layer] ?? 0, limits.ffn)
    if (heads % kvHeads !== 0) {
      throw refuse(`Layer ${layer} has ${heads} query heads, not a multiple of its ${kvHeads} kv heads.`)
    }
  }
  if (!(config.ropeBase > 0 && Number.isFinite(config.ropeBase))) {
    throw refuse(`The base of RoPE is ${config.ropeBase}.`)
  }
  if (!(config.rmsEps > 0 && config.rmsEps < 1)) throw refuse(`The epsilon of RMS norm is ${config.rmsEps}.`)
  return config
}

/** The part of a config that the addon takes. */
export function nativeConfig(config: ModelConfig): NativeModelConfig {
  const { dim, headDim, vocabSize, heads, kvHeads, ffn, ropeBase, rmsEps } = config
  return { dim, headDim, vocabSize, heads, kvHeads, ffn, ropeBase, rmsEps }
}

/** Parameters of one layer: attention, FFN and norms. */
export function layerParameters(config: ModelConfig, layer: number): number {
  const { dim, headDim } = config
  const heads = config.heads[layer] ?? 0
  const kvHeads = config.kvHeads[layer] ?? 0
  const ffn = config.ffn[layer] ?? 0
  const attention = (heads + 2 * kvHeads) * headDim * dim + heads * headDim * dim
  return attention + 3 * ffn * dim + 2 * dim + 2 * headDim
}

/** Parameters of the whole model; the tied embedding counts once. */
export function parameterCount(config: ModelConfig): number {
  const layers = config.heads.reduce((sum, _, layer) => sum + layerParameters(config, layer), 0)
  return layers + config.vocabSize * config.dim + config.dim
}

/** Bytes of 32 cached values. */
const kvBlockBytes: Readonly<Record<KvType, number>> = { f32: 128, f16: 64, q8_0: 34 }

/** Bytes of keys and values for `tokens` tokens. A q8_0 cache needs a head_dim that is a multiple of 32. */
export function kvCacheBytes(config: ModelConfig, kvType: KvType, tokens: number): number {
  const values = 2 * config.headDim * config.kvHeads.reduce((sum, n) => sum + n, 0)
  return (values / 32) * kvBlockBytes[kvType] * tokens
}
