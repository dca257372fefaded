import * as z from 'zod'
import { OpenElmError } from '../errors.js'
import { checkConfig, type ModelConfig, openElmRmsEps } from './config.js'
import { ffnWidths, multipliersPerLayer, queryHeads } from './layer-wise-scaling.js'

const count = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
const multiplier = z.number().positive().max(1024)
const multipliers = z.union([multiplier, z.array(multiplier).min(1).max(4096)])
const perLayer = z.array(count).min(1).max(4096)

/** Accepts exactly the listed spellings: a model with another choice would run and give wrong numbers. */
const only = <const T extends string | boolean>(first: T, ...others: T[]) =>
  z.literal([first, ...others]).default(first as never)

/**
 * config.json of a Hugging Face OpenELM repository. Defaults are those of its OpenELMConfig class, apart from the
 * three sizes without which nothing can be known, and from what all OpenELM models share.
 */
export const hfConfigSchema = z.object({
  model_type: only('openelm'),
  num_transformer_layers: count.max(4096),
  model_dim: count,
  head_dim: count,
  vocab_size: count.default(32000),
  max_context_length: count.default(2048),
  num_query_heads: perLayer.nullish(),
  num_kv_heads: perLayer.nullish(),
  num_gqa_groups: count.default(1),
  qkv_multipliers: multipliers.default(1),
  ffn_multipliers: multipliers.default(4),
  ffn_dim_divisor: count.default(256),
  rope_freq_constant: z.number().positive().default(10000),
  rope_max_length: count.default(4096),
  ffn_with_glu: only(true),
  normalize_qk_projections: only(true),
  share_input_output_layers: only(true),
  activation_fn_name: only('swish', 'silu'),
  normalization_layer_name: only('rms_norm', 'rms_norm_fp32'),
})

export type HfConfig = z.infer<typeof hfConfigSchema>

/**
 * The model of a parsed config.json. Head counts and FFN widths that it does not list are derived by layer-wise scaling.
 * @param label path of the file, for messages
 * @throws OpenElmError E_CONFIG
 */
export function configFromHf(json: unknown, label: string): ModelConfig {
  const parsed = hfConfigSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new OpenElmError('E_CONFIG', `${label} is not the config of an OpenELM model.`, {
      why: `${issue?.path.join('.') || 'config'}: ${issue?.message}.`,
      next: 'Use the config.json that belongs to the checkpoint.',
    })
  }
  const hf = parsed.data
  const layers = hf.num_transformer_layers
  const derived = () =>
    queryHeads(hf.model_dim, hf.head_dim, hf.num_gqa_groups, multipliersPerLayer(hf.qkv_multipliers, layers))
  const heads = hf.num_query_heads ?? derived()
  const config: ModelConfig = {
    dim: hf.model_dim,
    headDim: hf.head_dim,
    vocabSize: hf.vocab_size,
    heads,
    kvHeads: hf.num_kv_heads ?? heads.map((n) => Math.floor(n / hf.num_gqa_groups)),
    ffn: ffnWidths(hf.model_dim, hf.ffn_dim_divisor, multipliersPerLayer(hf.ffn_multipliers, layers)),
    ropeBase: hf.rope_freq_constant,
    rmsEps: openElmRmsEps,
    contextLength: hf.max_context_length,
  }
  if (heads.length !== layers) {
    throw new OpenElmError('E_CONFIG', `${label} contradicts itself.`, {
      why: `num_transformer_layers is ${layers}, but num_query_heads has ${heads.length} entries.`,
      next: 'Use the config.json that belongs to the checkpoint.',
    })
  }
  return checkConfig(config, label)
}
