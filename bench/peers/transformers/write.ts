import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readGguf } from '../../../src/formats/gguf/reader.js'
import { configFromGguf } from '../../../src/model/gguf-config.js'
import { openFile } from '../../../src/native/open-file.js'
import { blockElements, toInt8, toNBits } from './blocks.js'
import { DataFile } from './data-file.js'
import { type Arithmetic, openelmGraph, rotaryTable } from './openelm.js'

const encoder = fileURLToPath(new URL('encode.mjs', import.meta.url))

/** What transformers.js calls the files of a model: onnx/model_q4.onnx and so on. */
const suffixes = { 8: '_quantized', 4: '_q4' } as const

/**
 * Writes a Q8_0 or Q4_0 GGUF file of an OpenELM as a model folder of transformers.js, with the same weights (rounded again for `int8`), and returns the
 * folder. An existing one is kept.
 */
export function writeOnnx(ggufFile: string, folder: string, arithmetic: Arithmetic): string {
  if (existsSync(folder)) return folder
  const source = openFile(ggufFile)
  const file = readGguf(source, ggufFile)
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]))
  const embedding = byName.get('token_embd.weight')
  if (!embedding) throw new Error(`${ggufFile} has no embedding`)
  const config = configFromGguf(file.metadata, embedding.rows)
  const bits = embedding.type.name === 'Q8_0' ? 8 : 4
  const partial = `${folder}.tmp`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(join(partial, 'onnx'), { recursive: true })
  const modelFile = join(partial, 'onnx', `model${suffixes[bits]}.onnx`)
  const dataFile = new DataFile(`${modelFile}_data`)

  for (const { name, type, rows, cols, offset, bytes } of file.tensors) {
    const data = source.read(offset, bytes)
    if (type.name === 'F32') {
      dataFile.add(name, 'float', [cols], data)
      continue
    }
    const blocks = cols / blockElements
    const blob = (blockElements * bits) / 8
    if (arithmetic === 'int8') {
      const { quants, scales } = toInt8(type.name, data, rows, cols)
      dataFile.add(`${name}.quants`, 'int8', [cols, rows], quants)
      dataFile.add(`${name}.scales`, 'float', [rows], scales)
    } else {
      const { quants, scales } = toNBits(type.name, data)
      dataFile.add(`${name}.quants`, 'uint8', [rows, blocks, blob], quants)
      dataFile.add(`${name}.scales`, 'float', [rows, blocks], scales)
    }
    if (name === 'token_embd.weight') {
      const { quants, scales } = toNBits(type.name, data)
      dataFile.add('embedding.quants', 'uint8', [rows, blocks * blob], quants)
      dataFile.add('embedding.scales', 'float', [rows, blocks], scales)
    }
  }
  const positions = 2 * config.contextLength
  const dims = [positions, config.headDim / 2]
  dataFile.add('cos_cache', 'float', dims, rotaryTable(config, positions, Math.cos))
  dataFile.add('sin_cache', 'float', dims, rotaryTable(config, positions, Math.sin))
  dataFile.close()

  const shapes = new Map(file.tensors.map(({ name, rows, cols }) => [name, [rows, cols] as const]))
  const graph = openelmGraph(config, shapes, { bits, arithmetic })
  const description = graph.model(basename(ggufFile), dataFile.tensors, `${basename(modelFile)}_data`)
  execFileSync(process.execPath, [encoder, modelFile], { input: JSON.stringify(description) })
  writeFileSync(
    join(partial, 'config.json'),
    JSON.stringify({
      model_type: 'openelm',
      architectures: ['OpenELMForCausalLM'],
      num_transformer_layers: config.heads.length,
      num_kv_heads: config.kvHeads,
      head_dim: config.headDim,
      vocab_size: config.vocabSize,
      bos_token_id: 1,
      eos_token_id: null,
    }),
  )
  renameSync(partial, folder)
  return folder
}
