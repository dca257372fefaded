/** CoreNet's .pt files become the same GGUF as the safetensors of the same model. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { convertModel } from '../../src/convert/convert.js'
import type { ModelConfig } from '../../src/model/config.js'
import { openHuggingFace } from '../../src/model/open-huggingface.js'
import { openFile } from '../../src/native/open-file.js'
import { rejectionOf } from '../support/errors.js'
import { hfConfigOf, writeCheckpoint } from '../support/tiny-checkpoint.js'
import { tinyConfig } from '../support/tiny-model.js'
import { type TorchFixture, torchFile } from '../support/torch-file.js'

const llama: ModelConfig = { ...tinyConfig, dim: 32, ffn: [32, 64], vocabSize: 32128 }
const value = (name: string, i: number) => ((name.length * 31 + i) % 251) / 64 - 2

/** The tensors of a safetensors checkpoint under CoreNet's names. */
function coreNetTensors(source: string, prefix: string): Map<string, TorchFixture> {
  const { checkpoint } = openHuggingFace(source, openFile)
  return new Map(
    [...checkpoint.tensors.values()].map(({ name, dtype, shape, offset, bytes, source: file }) => [
      name.replace(/^transformer\./, prefix),
      {
        storage: dtype === 'F32' ? 'FloatStorage' : 'BFloat16Storage',
        shape,
        data: file.read(offset, bytes),
      } as const,
    ]),
  )
}

tap.test('bit for bit what the safetensors give', async (t) => {
  const folder = join(t.testdir(), 'model')
  for (const [dtype, prefix, under] of [
    ['F32', '', undefined],
    ['BF16', 'module.', 'model_state_dict'],
    ['BF16', 'transformer.', 'state_dict'],
  ] as const) {
    writeCheckpoint(folder, llama, { dtype, value })
    const pt = join(folder, 'checkpoint.pt')
    writeFileSync(pt, torchFile(coreNetTensors(folder, prefix), under === undefined ? {} : { under }))
    for (const type of ['f32', 'bf16', 'q8_0'] as const) {
      const [expected, output] = [join(folder, 'a.gguf'), join(folder, 'b.gguf')]
      await convertModel({ source: folder, output: expected, type, overwrite: true })
      const { notes } = await convertModel({ source: pt, output, type, overwrite: true })
      t.ok(readFileSync(output).equals(readFileSync(expected)), `${dtype} ${prefix} to ${type}`)
      t.match(notes.join(' '), /128 rows of the embedding/)
    }
  }
})

tap.test('the config: --config, beside the file, or none', async (t) => {
  const folder = t.testdir()
  const model = join(folder, 'model')
  writeCheckpoint(model, llama, { value })
  const source = join(folder, 'x.pt')
  writeFileSync(source, torchFile(coreNetTensors(model, '')))
  const convert = (config?: string) =>
    convertModel({
      source,
      output: join(folder, 'x.gguf'),
      type: 'q8_0',
      overwrite: true,
      ...(config && { config }),
    })
  t.match(await rejectionOf(convert()), { code: 'E_CONFIG', why: /270M, 450M, 1.1B, 3B/, next: /--config/ })
  t.equal((await convert(join(model, 'config.json'))).tensors, 20)
  t.match(await rejectionOf(convert(join(folder, 'gone.json'))), { code: 'E_FILE_NOT_FOUND' })
  const unpadded = { ...hfConfigOf(llama), vocab_size: 32000 }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(unpadded))
  t.equal((await convert()).tensors, 20, "Apple's config.json does not count the padding")
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...unpadded, model_dim: 64 }))
  t.equal((await rejectionOf(convert())).code, 'E_CONFIG')
  rmSync(join(folder, 'config.json'))
  const gguf = { source: join(folder, 'x.gguf'), output: join(folder, 'y.gguf'), type: 'q8_0' } as const
  t.equal((await rejectionOf(convertModel({ ...gguf, config: join(model, 'config.json') }))).code, 'E_USAGE')
  const old = join(folder, 'old.pt')
  writeFileSync(old, Buffer.from('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.', 'latin1'))
  t.match(await rejectionOf(convertModel({ ...gguf, source: old })), { code: 'E_UNSUPPORTED', why: /1\.6/ })
})
