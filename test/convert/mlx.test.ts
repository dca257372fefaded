/** MLX models: 16 bits as they are, 4 and 8 bits dequantized exactly. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { convertModel } from '../../src/convert/convert.js'
import type { ModelConfig } from '../../src/model/config.js'
import { hfShapes } from '../../src/model/tensors.js'
import { ByteWriter } from '../support/byte-writer.js'
import { rejectionOf } from '../support/errors.js'
import { fromHalf } from '../support/quantize.js'
import { hfConfigOf, writeCheckpoint } from '../support/tiny-checkpoint.js'
import { tinyConfig } from '../support/tiny-model.js'

const llama: ModelConfig = { ...tinyConfig, ffn: [64, 128], vocabSize: 32000 }

/** Scale and bias of a group as halves, and element i of a matrix. */
const scaleOf = (group: number) => 0x2000 + ((group * 37) % 1024)
const biasOf = (group: number) => 0xa800 + ((group * 91) % 1024)
const quantOf = (name: string, i: number, bits: number) => (name.length * 7 + i * 13 + (i >> 5)) % 2 ** bits
const normOf = (i: number) => 0x3c00 + i

interface Stored {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

const halves = (count: number, of: (i: number) => number) =>
  new ByteWriter().u16s(...Array.from({ length: count }, (_, i) => of(i))).done()

/** Words of 32 bits, the first element lowest. */
function packed(name: string, count: number, bits: number): Uint8Array {
  const words = new Uint32Array((count * bits) / 32)
  for (let i = 0; i < count; i++) {
    const at = i * bits
    words[at >> 5] = (words[at >> 5] ?? 0) + quantOf(name, i, bits) * 2 ** (at % 32)
  }
  return new Uint8Array(words.buffer)
}

function writeMlx(folder: string, bits: number, groupSize: number, quantization: object): void {
  const stored = new Map<string, Stored>()
  for (const [name, [rows, cols]] of hfShapes(llama)) {
    if (rows === 1) {
      stored.set(name, { dtype: 'F16', shape: [cols], data: halves(cols, normOf) })
      continue
    }
    const module = name.replace(/\.weight$/, '')
    const shape = [rows, cols / groupSize]
    const groups = (rows * cols) / groupSize
    stored.set(name, {
      dtype: 'U32',
      shape: [rows, (cols * bits) / 32],
      data: packed(name, rows * cols, bits),
    })
    stored.set(`${module}.scales`, { dtype: 'F16', shape, data: halves(groups, scaleOf) })
    stored.set(`${module}.biases`, { dtype: 'F16', shape, data: halves(groups, biasOf) })
  }
  const header: Record<string, unknown> = { __metadata__: { format: 'mlx' } }
  let end = 0
  for (const [name, { dtype, shape, data }] of stored) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.length] }
    end += data.length
  }
  const file = new ByteWriter().string(JSON.stringify(header))
  for (const { data } of stored.values()) file.bytes(data)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.safetensors'), file.done())
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...hfConfigOf(llama), quantization }))
}

tap.test('4 and 8 bits: what the same numbers as f32 give', async (t) => {
  const folder = t.testdir()
  for (const bits of [4, 8]) {
    for (const group of [32, 64]) {
      const source = join(folder, 'mlx', 'model')
      writeMlx(source, bits, group, { group_size: group, bits })
      const plain = join(folder, 'plain', 'model')
      const value = (name: string, i: number) => {
        if (/norm\.weight$/.test(name)) return fromHalf(normOf(i))
        const at = Math.floor(i / group)
        return Math.fround(fromHalf(scaleOf(at)) * quantOf(name, i, bits) + fromHalf(biasOf(at)))
      }
      writeCheckpoint(plain, llama, { value })
      for (const type of ['f32', 'q8_0'] as const) {
        const [output, expected] = [join(folder, 'a.gguf'), join(folder, 'b.gguf')]
        await convertModel({ source, output, type, overwrite: true })
        await convertModel({ source: plain, output: expected, type, overwrite: true })
        t.ok(
          readFileSync(output).equals(readFileSync(expected)),
          `${bits} bits, groups of ${group}, to ${type}`,
        )
      }
    }
  }
})

tap.test('settings of a module, and what is not read', async (t) => {
  const folder = t.testdir()
  const convert = (bits: number, quantization: object) => {
    writeMlx(join(folder, 'm'), bits, 64, quantization)
    return convertModel({
      source: join(folder, 'm'),
      output: join(folder, 'o.gguf'),
      type: 'q8_0',
      overwrite: true,
    })
  }
  const modules = [...hfShapes(llama)]
    .filter(([, [rows]]) => rows > 1)
    .map(([name]) => name.replace('.weight', ''))
  const own = Object.fromEntries(modules.map((name) => [name, { group_size: 64, bits: 8 }]))
  t.equal((await convert(8, { group_size: 64, bits: 4, ...own })).tensors, 20)
  t.match(await rejectionOf(convert(4, { group_size: 64, bits: 8 })), { code: 'E_FORMAT', why: /not 8 bits/ })
  t.match(await rejectionOf(convert(4, { group_size: 64, bits: 3 })), { code: 'E_UNSUPPORTED', why: /bits/ })
  t.match(await rejectionOf(convert(4, { group_size: 64, bits: 4, mode: 'mxfp4' })), {
    code: 'E_UNSUPPORTED',
  })
})
