import { createWriteStream, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type PresetName, presetConfig } from '../../src/model/presets.js'
import { hfShapes } from '../../src/model/tensors.js'

/** Values in the table that matrices are filled from, over and over; odd, so that rows differ. */
const tableLength = 999_983

/** f16 bits of a number of magnitude below 1 (round toward zero; enough for random weights). */
function half(x: number): number {
  const [bits = 0] = new Uint32Array(new Float32Array([x]).buffer)
  const exponent = ((bits >>> 23) & 255) - 112
  return ((bits >>> 16) & 0x8000) | (exponent <= 0 ? 0 : (exponent << 10) | ((bits >>> 13) & 1023))
}

/** Bytes of `count` f16 numbers, uniform with a standard deviation near that of trained weights. */
function* weights(count: number, table: Uint16Array): Generator<Uint8Array> {
  const bytes = new Uint8Array(table.buffer)
  for (let left = 2 * count; left > 0; left -= bytes.length)
    yield bytes.subarray(0, Math.min(left, bytes.length))
}

/**
 * Writes a checkpoint of a published size with random f16 weights, as Hugging Face lays them out, and returns its folder.
 * Speed depends on shapes, not on values. Kept for later runs.
 */
export async function randomCheckpoint(size: PresetName, parent: string): Promise<string> {
  const folder = join(parent, `OpenELM-${size}-random`)
  const file = join(folder, 'model.safetensors')
  if (existsSync(file)) return folder
  mkdirSync(folder, { recursive: true })
  const config = presetConfig(size)
  const shapes = [...hfShapes(config)]
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      model_type: 'openelm',
      num_transformer_layers: config.heads.length,
      model_dim: config.dim,
      head_dim: config.headDim,
      vocab_size: config.vocabSize,
      max_context_length: config.contextLength,
      num_query_heads: config.heads,
      num_kv_heads: config.kvHeads,
      num_gqa_groups: 4,
      ffn_multipliers: [0.5, 4],
      qkv_multipliers: [0.5, 1],
    }),
  )
  let seed = 1
  const table = Uint16Array.from({ length: tableLength }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return half((seed / 2 ** 31 - 1) * 0.048)
  })
  const ones = new Uint16Array(Math.max(config.dim, config.headDim)).fill(0x3c00)
  let offset = 0
  const header = JSON.stringify(
    Object.fromEntries(
      shapes.map(([name, [rows, cols]]) => {
        const begin = offset
        offset += 2 * rows * cols
        const shape = rows === 1 ? [cols] : [rows, cols]
        return [name, { dtype: 'F16', shape, data_offsets: [begin, offset] }]
      }),
    ),
  )
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8)
  function* chunks(): Generator<Uint8Array> {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(padded.length))
    yield length
    yield Buffer.from(padded)
    for (const [, [rows, cols]] of shapes) {
      if (rows === 1) yield new Uint8Array(ones.buffer, 0, 2 * cols)
      else yield* weights(rows * cols, table)
    }
  }
  await pipeline(Readable.from(chunks()), createWriteStream(`${file}.tmp`))
  renameSync(`${file}.tmp`, file)
  return folder
}
