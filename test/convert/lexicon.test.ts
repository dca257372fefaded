/** The trained checkpoint of test/golden, converted to every type: contents against an independent quantizer. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { convertModel } from '../../src/convert/convert.js'
import { type TargetType, targetTypes } from '../../src/convert/plan.js'
import { ggmlType } from '../../src/formats/ggml-types.js'
import { vocabFromGguf } from '../../src/formats/tokenizer/gguf-vocab.js'
import { type OpenedModel, openGguf } from '../../src/model/open-gguf.js'
import { openHuggingFace } from '../../src/model/open-huggingface.js'
import { tensorSpecs } from '../../src/model/tensors.js'
import { loadNative } from '../../src/native/load.js'
import { openFile } from '../../src/native/open-file.js'
import { root } from '../support/files.js'
import { fromHalf, quantizeQ4, quantizeQ8 } from '../support/quantize.js'

const source = join(root, 'test/golden/lexicon')
const folder = tap.testdir()
const { checkpoint, config } = openHuggingFace(source, openFile)
const addon = loadNative()

/** A tensor of the source as f32: rows of a safetensors tensor, halves expanded here. */
function readOriginal(name: string): Float32Array {
  const spec = tensorSpecs(config).find((candidate) => candidate.name === name)
  const tensor = checkpoint.tensors.get(spec?.hf.name ?? '')
  if (!spec || !tensor) throw new Error(`no tensor ${name}`)
  const size = tensor.dtype === 'F32' ? 4 : 2
  const { rows, cols, hf } = spec
  const bytes = tensor.source.read(tensor.offset + hf.firstRow * cols * size, rows * cols * size)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values = new Float32Array(rows * cols)
  for (let i = 0; i < values.length; i++) {
    values[i] = size === 4 ? view.getFloat32(4 * i, true) : fromHalf(view.getUint16(2 * i, true))
  }
  return values
}

const originals = new Map(tensorSpecs(config).map(({ name }) => [name, readOriginal(name)]))
const original = (name: string): Float32Array => originals.get(name) ?? new Float32Array()

/** The bytes of a tensor in a converted file. */
function written(model: OpenedModel, name: string): Uint8Array {
  const tensor = model.gguf.tensors.find((candidate) => candidate.name === name)
  if (!tensor) throw new Error(`no tensor ${name}`)
  return model.file.read(tensor.offset, tensor.bytes)
}

const converted = new Map<TargetType, Promise<OpenedModel>>()

/** The checkpoint in a type; converted once. */
function convert(type: TargetType): Promise<OpenedModel> {
  const output = join(folder, `${type}.gguf`)
  const model = converted.get(type) ?? convertModel({ source, output, type }).then(() => openGguf(output))
  converted.set(type, model)
  return model
}

tap.test('every type: config, names and types', async (t) => {
  for (const type of targetTypes) {
    const model = await convert(type)
    t.same(model.config, { ...config, rmsEps: Math.fround(config.rmsEps) })
    t.equal(model.fileType, type.toUpperCase())
    t.same(
      model.gguf.tensors.map(({ name }) => name),
      tensorSpecs(config).map(({ name }) => name),
      'in the order of use',
    )
    for (const tensor of model.gguf.tensors) {
      const expected = tensor.dims.length === 1 ? 'F32' : type.toUpperCase()
      if (tensor.type.name !== expected) t.fail(`${tensor.name} is ${tensor.type.name}`)
      if (tensor.offset % 32 !== 0) t.fail(`${tensor.name} is not aligned`)
    }
  }
})

tap.test('q8_0 and q4_0: bit for bit what the rule says, the embedding included', async (t) => {
  for (const [type, quantize] of [
    ['q8_0', quantizeQ8],
    ['q4_0', quantizeQ4],
  ] as const) {
    const model = await convert(type)
    for (const { name, norm } of tensorSpecs(config)) {
      const values = original(name)
      const expected = norm ? Buffer.from(values.buffer) : quantize(values)
      if (!expected.equals(written(model, name))) t.fail(`${type} ${name} differs`)
    }
    t.pass(`${type}: ${model.tensors.length} tensors`)
  }
})

tap.test('dequantized weights are within half a step of the original', async (t) => {
  for (const [type, steps, slack] of [
    ['q8_0', 127, 0.5],
    ['q4_0', 8, 1],
  ] as const) {
    const model = await convert(type)
    for (const { name, rows, cols, norm } of tensorSpecs(config)) {
      if (norm) continue
      const before = original(name)
      const id = ggmlType(type === 'q8_0' ? 'Q8_0' : 'Q4_0').id
      const bytes = addon.convertRows(id, written(model, name), rows, cols, 0)
      const after = new Float32Array(bytes.buffer, bytes.byteOffset, rows * cols)
      for (let start = 0; start < before.length; start += 32) {
        let largest = 0
        for (let i = start; i < start + 32; i++) largest = Math.max(largest, Math.abs(before[i] ?? 0))
        // Q4_0 has no +8: the value opposite the extreme may lose a whole step. d itself is rounded to f16.
        const bound = (largest / steps) * slack + largest * 2 ** -10
        for (let i = start; i < start + 32; i++) {
          const error = Math.abs((after[i] ?? 0) - (before[i] ?? 0))
          if (error > bound) t.fail(`${type} ${name}[${i}]: error ${error}, bound ${bound}`)
        }
      }
    }
    t.pass(type)
  }
})

tap.test('f16 and f32 keep every value, bf16 the upper half', async (t) => {
  const [f16, f32, bf16] = [await convert('f16'), await convert('f32'), await convert('bf16')]
  const as32 = (model: OpenedModel, name: string) => {
    const tensor = model.gguf.tensors.find((candidate) => candidate.name === name)
    if (!tensor) throw new Error(name)
    const bytes = addon.convertRows(tensor.type.id, written(model, name), tensor.rows, tensor.cols, 0)
    return Buffer.from(bytes)
  }
  for (const { name } of tensorSpecs(config)) {
    const values = original(name)
    const expected = Buffer.from(values.buffer)
    if (!as32(f16, name).equals(expected)) t.fail(`f16 ${name}`)
    if (!as32(f32, name).equals(expected)) t.fail(`f32 ${name}`)
    const rounded = as32(bf16, name)
    values.forEach((x, i) => {
      if (Math.abs(rounded.readFloatLE(4 * i) - x) > Math.abs(x) * 2 ** -8) t.fail(`bf16 ${name}[${i}]`)
    })
  }
  t.pass(`${f16.tensors.length} tensors`)
})

tap.test('metadata is what other programs need', async (t) => {
  const { metadata, name, chatTemplate } = await convert('q8_0')
  t.equal(name, 'lexicon')
  t.match(
    Object.fromEntries(
      [...metadata].map(([key, value]) => [key, 'value' in value ? value.value : value.values]),
    ),
    {
      'general.architecture': 'openelm',
      'general.type': 'model',
      'general.size_label': '5.8M',
      'general.file_type': 7,
      'general.quantization_version': 2,
      'general.sampling.penalty_repeat': 1,
      'openelm.block_count': 8,
      'openelm.context_length': 256,
      'openelm.embedding_length': 256,
      'openelm.attention.head_count': [4, 8, 8, 8, 8, 8, 8, 8],
      'openelm.attention.head_count_kv': [1, 2, 2, 2, 2, 2, 2, 2],
      'openelm.feed_forward_length': [128, 256, 384, 512, 640, 768, 896, 1024],
      'openelm.attention.key_length': 32,
      'openelm.attention.value_length': 32,
      'openelm.attention.layer_norm_rms_epsilon': Math.fround(1e-6),
      'openelm.rope.freq_base': 10000,
      'openelm.rope.dimension_count': 32,
      'openelm.vocab_size': 4096,
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.add_bos_token': true,
      'tokenizer.ggml.add_eos_token': false,
    },
  )
  const own = JSON.parse(readFileSync(join(source, 'tokenizer_config.json'), 'utf8')) as {
    chat_template: string
  }
  t.equal(chatTemplate, own.chat_template)
  const vocab = vocabFromGguf(metadata)
  t.equal(vocab.pieces.length, 4096)
  t.same([vocab.bos, vocab.eos, vocab.unk], [1, 2, 0])
})

tap.test('the same input gives the same file', async (t) => {
  await convert('q4_0')
  const again = join(folder, 'again.gguf')
  await convertModel({ source: join(source, 'model.safetensors'), output: again, type: 'q4_0' })
  t.ok(
    readFileSync(again).equals(readFileSync(join(folder, 'q4_0.gguf'))),
    'from the folder and from the file',
  )
})
