/** Hugging Face checkpoints of all kinds: shards, types, tokenizers, templates, and what must be refused. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Template } from '@huggingface/jinja'
import tap from 'tap'
import { instructTemplate } from '../../src/convert/chat-template.js'
import { convertModel } from '../../src/convert/convert.js'
import { checkpointName, licenseMetadata, sizeLabel } from '../../src/convert/hf-metadata.js'
import type { ModelConfig } from '../../src/model/config.js'
import { openGguf } from '../../src/model/open-gguf.js'
import { tensorSpecs } from '../../src/model/tensors.js'
import { rejectionOf } from '../support/errors.js'
import { hfConfigOf, writeCheckpoint } from '../support/tiny-checkpoint.js'
import { tinyConfig } from '../support/tiny-model.js'

/** The tiny model with the vocabulary of Llama 2, as checkpoints without a tokenizer have it. */
const llama: ModelConfig = { ...tinyConfig, dim: 32, ffn: [32, 64], vocabSize: 32000 }
const value = (name: string, i: number) => ((name.length * 31 + i) % 251) / 64 - 2

tap.test('shards and bf16: every element lands in its place', async (t) => {
  const folder = t.testdir()
  const source = join(folder, 'model')
  writeCheckpoint(source, llama, { dtype: 'BF16', shards: 3, value })
  const output = join(folder, 'out.gguf')
  await convertModel({ source, output, type: 'f32' })
  const model = openGguf(output)
  for (const { name, rows, cols, hf } of tensorSpecs(llama)) {
    const tensor = model.gguf.tensors.find((candidate) => candidate.name === name)
    const bytes = Buffer.from(model.file.read(tensor?.offset ?? 0, tensor?.bytes ?? 0))
    let wrong = tensor?.rows === rows && tensor.cols === cols ? 0 : 1
    for (let i = 0; i < rows * cols; i++) {
      if (bytes.readFloatLE(4 * i) !== value(hf.name, hf.firstRow * cols + i)) wrong++
    }
    t.equal(wrong, 0, name)
  }
})

tap.test('without a tokenizer: that of Llama 2; padding rows are left out', async (t) => {
  const folder = t.testdir()
  for (const vocabSize of [32000, 32128]) {
    const source = join(folder, `${vocabSize}`)
    writeCheckpoint(source, { ...llama, vocabSize })
    const output = join(folder, `${vocabSize}.gguf`)
    const { notes } = await convertModel({ source, output, type: 'q8_0' })
    const model = openGguf(output)
    t.equal(model.config.vocabSize, 32000)
    const pieces = model.metadata.strings('tokenizer.ggml.tokens')
    t.equal(pieces?.length, 32000)
    t.equal(pieces?.[15043], '\u2581Hello')
    t.equal(
      notes.some((note) => note.startsWith('128 rows')),
      vocabSize === 32128,
    )
  }
  const source = join(folder, 'other')
  writeCheckpoint(source, { ...llama, vocabSize: 50000 })
  const error = await rejectionOf(convertModel({ source, output: join(folder, 'o.gguf'), type: 'q8_0' }))
  t.match(error, {
    code: 'E_TOKENIZER',
    why: /32000 tokens, the model's vocabulary 50000/,
    next: /tokenizer\.model/,
  })
})

tap.test('the chat template of Instruct checkpoints', async (t) => {
  const folder = t.testdir()
  const templateOf = async (name: string, files: Record<string, string> = {}, chatTemplate?: string) => {
    const source = join(folder, name)
    writeCheckpoint(source, llama)
    for (const [file, text] of Object.entries(files)) writeFileSync(join(source, file), text)
    const output = join(folder, `${name.replaceAll('/', '-')}.gguf`)
    await convertModel({
      source,
      output,
      type: 'q4_0',
      overwrite: true,
      ...(chatTemplate === undefined ? {} : { chatTemplate }),
    })
    const model = openGguf(output)
    return [model.name, model.chatTemplate]
  }
  const cached = 'models--apple--OpenELM-3B-Instruct/snapshots/0123abc'
  t.same(await templateOf('OpenELM-270M'), ['OpenELM-270M', undefined], 'base models have none')
  t.same(await templateOf('OpenELM-270M-Instruct'), ['OpenELM-270M-Instruct', instructTemplate])
  t.same(await templateOf(cached), ['OpenELM-3B-Instruct', instructTemplate], 'a snapshot in the cache')
  t.same(
    await templateOf('OpenELM-270M-Instruct', {}, ''),
    ['OpenELM-270M-Instruct', undefined],
    'none wanted',
  )
  const config = (template: unknown) => ({
    'tokenizer_config.json': JSON.stringify({ chat_template: template }),
  })
  t.same(await templateOf('a-Instruct', config('own')), ['a-Instruct', 'own'])
  t.same(
    await templateOf(
      'b',
      config([
        { name: 'tool', template: 'x' },
        { name: 'default', template: 'y' },
      ]),
    ),
    ['b', 'y'],
  )
  t.same(await templateOf('c', { 'chat_template.jinja': 'from a file' }), ['c', 'from a file'])
})

tap.test('the Instruct template gives the prompt of the recipe', async (t) => {
  const render = (messages: { role: string; content: string }[], add_generation_prompt = true) =>
    new Template(instructTemplate).render({
      messages,
      add_generation_prompt,
      eos_token: '</s>',
      bos_token: '<s>',
    })
  const user = { role: 'user', content: 'Hi\n' }
  t.equal(render([user]), '<|system|>\n</s>\n<|user|>\nHi\n</s>\n<|assistant|>\n')
  t.equal(
    render([{ role: 'system', content: 'Be brief.' }, user, { role: 'assistant', content: 'Yes?' }, user]),
    '<|system|>\nBe brief.</s>\n<|user|>\nHi\n</s>\n<|assistant|>\nYes?</s>\n<|user|>\nHi\n</s>\n<|assistant|>\n',
  )
  t.equal(render([user], false), '<|system|>\n</s>\n<|user|>\nHi\n</s>\n')
  t.equal(render([]), '<|system|>\n</s>\n<|assistant|>\n')
})

tap.test('licence, sampling advice, name and overrides', async (t) => {
  const folder = t.testdir()
  const source = join(folder, 'model')
  writeCheckpoint(source, llama)
  writeFileSync(
    join(source, 'README.md'),
    '---\nlicense: other\nlicense_name: apple-amlr\nlicense_link: "LICENSE"\ntags:\n- x\n---\n# license: no\n',
  )
  writeFileSync(
    join(source, 'generation_config.json'),
    JSON.stringify({ temperature: 0.5, top_k: 40, top_p: 0.9, repetition_penalty: 1.2, bos_token_id: 1 }),
  )
  const output = join(folder, 'out.gguf')
  await convertModel({ source, output, type: 'q8_0' })
  const { metadata } = openGguf(output)
  t.equal(metadata.string('general.license'), 'other')
  t.equal(metadata.string('general.license.name'), 'apple-amlr')
  t.equal(metadata.string('general.license.link'), 'LICENSE')
  t.equal(metadata.number('general.sampling.top_k'), 40)
  t.equal(metadata.number('general.sampling.temp'), 0.5)
  t.equal(metadata.number('general.sampling.penalty_repeat'), Math.fround(1.2))
  await convertModel({ source, output, type: 'q8_0', overwrite: true, name: 'Mine', license: 'mit' })
  t.equal(openGguf(output).name, 'Mine')
  t.equal(openGguf(output).metadata.string('general.license'), 'mit')
  t.same(licenseMetadata(join(folder, 'none')), [])
  t.equal(checkpointName('/a/b/OpenELM-1_1B/'), 'OpenELM-1_1B')
  t.same([271527168, 457179136, 1079891456, 3036647424, 5821184].map(sizeLabel), [
    '272M',
    '457M',
    '1.1B',
    '3.0B',
    '5.8M',
  ])
})

tap.test('checkpoints that cannot be converted', async (t) => {
  const folder = t.testdir()
  const attempt = (name: string) =>
    rejectionOf(convertModel({ source: join(folder, name), output: join(folder, 'out.gguf'), type: 'q8_0' }))
  const base = { ...llama, vocabSize: 64 }
  const write = (name: string, config: Record<string, unknown> = {}, options = {}) => {
    writeCheckpoint(join(folder, name), base, options)
    writeFileSync(join(folder, name, 'config.json'), JSON.stringify({ ...hfConfigOf(base), ...config }))
  }
  t.match(await attempt('gone'), { code: 'E_FILE_NOT_FOUND', message: /gone does not exist/ })
  mkdirSync(join(folder, 'empty'))
  t.match(await attempt('empty'), { code: 'E_FILE_NOT_FOUND', message: /config\.json does not exist/ })
  writeFileSync(join(folder, 'empty', 'config.json'), '{"model_type": "llama"}')
  t.match(await attempt('empty'), { code: 'E_CONFIG', why: /model_type/ })
  writeFileSync(join(folder, 'empty', 'config.json'), '{')
  t.match(await attempt('empty'), { code: 'E_FORMAT', why: /not JSON/ })
  write('missing', {}, { without: 'transformer.norm.weight' })
  t.match(await attempt('missing'), { code: 'E_CONFIG', why: /transformer\.norm\.weight is missing/ })
  write('extra', {}, { extra: new Map([['lm_head.weight', [64, 32]]]) })
  t.match(await attempt('extra'), { code: 'E_CONFIG', why: /lm_head\.weight/ })
  write('shape', { model_dim: 64 })
  t.match(await attempt('shape'), { code: 'E_CONFIG', why: /the config asks for/ })
  write('untied', { share_input_output_layers: false })
  t.match(await attempt('untied'), { code: 'E_CONFIG', why: /share_input_output_layers/ })
  write('mask', {}, { extra: new Map([['transformer.causal_mask', [8, 8]]]) })
  t.match(await attempt('mask'), { code: 'E_TOKENIZER' }, 'a saved mask is ignored; the vocabulary is not')
})
