import type { ModelConfig } from './config.js'
import { configFromHf } from './hf-config.js'

/** The published family: what distinguishes the sizes. Everything else is shared. */
const sizes = {
  '270M': { num_transformer_layers: 16, model_dim: 1280, head_dim: 64 },
  '450M': { num_transformer_layers: 20, model_dim: 1536, head_dim: 64 },
  '1.1B': { num_transformer_layers: 28, model_dim: 2048, head_dim: 64 },
  '3B': { num_transformer_layers: 36, model_dim: 3072, head_dim: 128 },
} as const

export type PresetName = keyof typeof sizes

export const presetNames = Object.keys(sizes) as readonly PresetName[]

/** Config of a published size, by layer-wise scaling. */
export function presetConfig(name: PresetName): ModelConfig {
  return configFromHf(
    { ...sizes[name], num_gqa_groups: 4, qkv_multipliers: [0.5, 1], ffn_multipliers: [0.5, 4] },
    `OpenELM-${name}`,
  )
}
