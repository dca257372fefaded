import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ggmlType } from '../../src/formats/ggml-types.js'
import { type GgufValue, gguf } from '../../src/formats/gguf/values.js'
import { layOutGguf } from '../../src/formats/gguf/writer.js'
import type { ModelConfig } from '../../src/model/config.js'
import { configToGguf } from '../../src/model/gguf-config.js'
import { tensorSpecs } from '../../src/model/tensors.js'

/** A model of two unequal layers and 40 tokens: small enough for thousands of mutated headers a second. */
export const tinyConfig: ModelConfig = {
  dim: 64,
  headDim: 32,
  vocabSize: 40,
  heads: [2, 4],
  kvHeads: [1, 2],
  ffn: [32, 96],
  ropeBase: 10000,
  rmsEps: Math.fround(1e-6),
  contextLength: 128,
}

export const tinyPieces = Array.from({ length: 40 }, (_, i) =>
  i < 3 ? `<${i}>` : `\u2581t${'o'.repeat(i % 7)}${i}`,
)

export const tinyMetadata: readonly (readonly [string, GgufValue])[] = [
  ['general.architecture', gguf.string('openelm')],
  ['general.name', gguf.string('tiny')],
  ['general.file_type', gguf.uint32(7)],
  ...configToGguf(tinyConfig),
  ['tokenizer.ggml.model', gguf.string('llama')],
  ['tokenizer.ggml.tokens', gguf.strings(tinyPieces)],
  ['tokenizer.ggml.scores', gguf.float32s(tinyPieces.map((_, i) => -i))],
  ['tokenizer.ggml.token_type', gguf.int32s(tinyPieces.map(() => 1))],
  ['tokenizer.ggml.add_bos_token', gguf.bool(true)],
]

/** A complete GGUF file of the tiny model with Q8_0 matrices of zeros, and the length of its header. */
export function tinyGguf(metadata = tinyMetadata): { bytes: Buffer; headerBytes: number } {
  const layout = layOutGguf(
    metadata,
    tensorSpecs(tinyConfig).map(({ name, rows, cols, norm }) => ({
      name,
      type: ggmlType(norm ? 'F32' : 'Q8_0'),
      dims: norm ? [cols] : [cols, rows],
    })),
  )
  const bytes = Buffer.alloc(layout.fileSize)
  bytes.set(layout.header)
  return { bytes, headerBytes: layout.header.length }
}

/** Writes a GGUF file of a model with some 800 GB of zeros, which take no space on disk; its path. */
export function hugeGguf(folder: string): string {
  const config: ModelConfig = { ...tinyConfig, dim: 2 ** 16, ffn: [2 ** 20, 2 ** 20] }
  const layout = layOutGguf(
    [...tinyMetadata.slice(0, 3), ...configToGguf(config)],
    tensorSpecs(config).map(({ name, rows, cols, norm }) => ({
      name,
      type: ggmlType(norm ? 'F32' : 'Q8_0'),
      dims: norm ? [cols] : [cols, rows],
    })),
  )
  const path = join(folder, 'huge.gguf')
  writeFileSync(path, layout.header)
  truncateSync(path, layout.fileSize)
  return path
}
