import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { AtomicFile } from '../../src/convert/atomic-file.js'
import { type GgmlType, type GgmlTypeName, ggmlType } from '../../src/formats/ggml-types.js'
import { gguf } from '../../src/formats/gguf/values.js'
import { layOutGguf, type PlacedTensor } from '../../src/formats/gguf/writer.js'
import { ggufTokenizerMetadata } from '../../src/formats/tokenizer/gguf-vocab.js'
import { llama2Vocab } from '../../src/formats/tokenizer/llama2.js'
import { architecture, configToGguf } from '../../src/model/gguf-config.js'
import { type PresetName, presetConfig } from '../../src/model/presets.js'
import { tensorSpecs } from '../../src/model/tensors.js'

/** f16 bits of a positive number below 1, subnormal ones included (rounded toward zero: it is a scale of noise). */
function half(x: number): number {
  const exponent = Math.max(-14, Math.floor(Math.log2(x)))
  const mantissa = Math.floor((x / 2 ** exponent) * 1024)
  return mantissa < 1024 ? mantissa : ((exponent + 15) << 10) | (mantissa - 1024)
}

/**
 * Where the f16 numbers of a block are, and values that give weights a mean near 0 and a standard deviation near the
 * 0.03 of trained ones, all other bits being random (native/quant/blocks.h has the formulas).
 */
const scales = {
  q8_0: { type: 'Q8_0', at: [[0, 3.8e-4]] },
  q4_0: { type: 'Q4_0', at: [[0, 6e-3]] },
  q4_k: {
    type: 'Q4_K',
    at: [
      [0, 1.3e-4],
      [2, 7.5 * 1.3e-4],
    ],
  },
  q5_k: {
    type: 'Q5_K',
    at: [
      [0, 6.4e-5],
      [2, 15.5 * 6.4e-5],
    ],
  },
  q6_k: { type: 'Q6_K', at: [[208, 2e-5]] },
} as const satisfies Record<string, { type: GgmlTypeName; at: readonly (readonly [number, number])[] }>

export type RandomType = keyof typeof scales
export const randomTypes = Object.keys(scales) as readonly RandomType[]

/** Blocks that matrices are filled from, over and over; a prime, so that rows differ. */
const poolBlocks = 16_411

/** Random blocks of a type: valid for every reader, free of NaN and infinity. */
function randomBlocks(name: RandomType, { blockBytes }: GgmlType): Uint8Array {
  const pool = new Uint8Array(poolBlocks * blockBytes)
  let state = 1
  for (let i = 0; i < pool.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // -128 is no value of an 8-bit quant or scale.
    pool[i] = state >>> 24 === 128 ? 129 : state >>> 24
  }
  const view = new DataView(pool.buffer)
  for (let block = 0; block < pool.length; block += blockBytes)
    for (const [offset, value] of scales[name].at) view.setUint16(block + offset, half(value), true)
  return pool
}

function* tensorData({ type, bytes, dims }: PlacedTensor, pool: Uint8Array): Generator<Uint8Array> {
  if (type.name === 'F32') {
    yield new Uint8Array(new Float32Array(dims[0] ?? 0).fill(1).buffer)
    return
  }
  for (let left = bytes; left > 0; left -= pool.length) yield pool.subarray(0, Math.min(left, pool.length))
}

/**
 * Writes a GGUF file of a published size whose matrices are random blocks of one type: what speed is measured on, as it
 * depends on shapes and types and not on values. Norm weights are 1, the tokenizer Llama 2's. An existing file is kept.
 */
export async function writeRandomGguf(file: string, size: PresetName, name: RandomType): Promise<void> {
  if (existsSync(file)) return
  const config = presetConfig(size)
  const type = ggmlType(scales[name].type)
  const plans = tensorSpecs(config).map((spec) => ({
    name: spec.name,
    type: spec.norm ? ggmlType('F32') : type,
    dims: spec.norm ? [spec.cols] : [spec.cols, spec.rows],
  }))
  const layout = layOutGguf(
    [
      ['general.architecture', gguf.string(architecture)],
      ['general.name', gguf.string(`OpenELM-${size}-random`)],
      ['general.quantization_version', gguf.uint32(2)],
      ...configToGguf(config),
      ...ggufTokenizerMetadata(await llama2Vocab()),
    ],
    plans,
  )
  const pool = randomBlocks(name, type)
  function* chunks(): Generator<Uint8Array> {
    yield layout.header
    let end = layout.header.length
    for (const tensor of layout.tensors) {
      yield new Uint8Array(tensor.offset - end)
      yield* tensorData(tensor, pool)
      end = tensor.offset + tensor.bytes
    }
    yield new Uint8Array(layout.fileSize - end)
  }
  mkdirSync(dirname(file), { recursive: true })
  const written = await AtomicFile.create(file, false)
  try {
    for (const chunk of chunks()) await written.write(chunk)
    await written.commit()
  } finally {
    await written.discard()
  }
}
