import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelConfig } from '../../src/model/config.js'
import { hfShapes } from '../../src/model/tensors.js'

export interface CheckpointOptions {
  readonly dtype?: 'F32' | 'BF16'
  /** Files the tensors are spread over; more than one adds an index. */
  readonly shards?: number
  /** Value of an element of a tensor; without it the data is a hole in the file, read as zeros. */
  readonly value?: (name: string, index: number) => number
  /** Tensors written besides the model's own. */
  readonly extra?: ReadonlyMap<string, readonly number[]>
  readonly without?: string
}

/** config.json of a model, as Apple writes it. */
export function hfConfigOf(config: ModelConfig): Record<string, unknown> {
  return {
    model_type: 'openelm',
    num_transformer_layers: config.heads.length,
    model_dim: config.dim,
    head_dim: config.headDim,
    vocab_size: config.vocabSize,
    max_context_length: config.contextLength,
    num_query_heads: config.heads,
    num_kv_heads: config.kvHeads,
    ffn_multipliers: config.ffn.map((width) => width / config.dim),
    ffn_dim_divisor: 32,
    rope_freq_constant: config.ropeBase,
    normalize_qk_projections: true,
    share_input_output_layers: true,
    activation_fn_name: 'swish',
  }
}

/** Writes a checkpoint in the layout of a Hugging Face repository, without a tokenizer. */
export function writeCheckpoint(folder: string, config: ModelConfig, options: CheckpointOptions = {}): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'config.json'), JSON.stringify(hfConfigOf(config)))
  const shapes = new Map<string, readonly number[]>(
    [...hfShapes(config)].map(([name, [rows, cols]]) => [name, rows === 1 ? [cols] : [rows, cols]]),
  )
  for (const [name, shape] of options.extra ?? []) shapes.set(name, shape)
  if (options.without) shapes.delete(options.without)
  const shards = options.shards ?? 1
  const names = [...shapes.keys()]
  const weightMap: Record<string, string> = {}
  for (let shard = 0; shard < shards; shard++) {
    const file = shards === 1 ? 'model.safetensors' : `model-0000${shard + 1}-of-0000${shards}.safetensors`
    const own = names.filter((_, i) => i % shards === shard)
    for (const name of own) weightMap[name] = file
    writeShard(join(folder, file), new Map(own.map((name) => [name, shapes.get(name) ?? []])), options)
  }
  if (shards > 1) {
    const index = { metadata: {}, weight_map: weightMap }
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index))
  }
}

function writeShard(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  options: CheckpointOptions,
): void {
  const { dtype = 'F32', value } = options
  const size = dtype === 'F32' ? 4 : 2
  const header: Record<string, unknown> = {}
  let end = 0
  for (const [name, shape] of shapes) {
    const bytes = shape.reduce((a, b) => a * b, size)
    header[name] = { dtype, shape, data_offsets: [end, end + bytes] }
    end += bytes
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = openSync(path, 'w')
  writeSync(file, Buffer.concat([length, json]))
  if (value) {
    for (const [name, shape] of shapes) writeSync(file, encode(name, shape, dtype, value))
  }
  ftruncateSync(file, 8 + json.length + end)
  closeSync(file)
}

/** Elements in row-major order; BF16 is the upper half of each f32. */
function encode(
  name: string,
  shape: readonly number[],
  dtype: 'F32' | 'BF16',
  value: (name: string, index: number) => number,
): Buffer {
  const count = shape.reduce((a, b) => a * b, 1)
  const bytes = Buffer.alloc(4 * count)
  for (let i = 0; i < count; i++) bytes.writeFloatLE(value(name, i), 4 * i)
  if (dtype === 'F32') return bytes
  const halves = Buffer.alloc(2 * count)
  for (let i = 0; i < count; i++) bytes.copy(halves, 2 * i, 4 * i + 2, 4 * i + 4)
  return halves
}
