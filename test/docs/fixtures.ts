import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertModel } from '../../src/convert/convert.js'
import { openHuggingFace } from '../../src/model/open-huggingface.js'
import { openFile } from '../../src/native/open-file.js'
import { root } from '../support/files.js'
import { goldenPath } from '../support/golden.js'
import type { HubServer } from '../support/hub-server.js'
import { hfConfigOf, writeCheckpoint } from '../support/tiny-checkpoint.js'
import { tinyConfig } from '../support/tiny-model.js'
import { torchFile } from '../support/torch-file.js'

/**
 * The small trained checkpoint with the context length of Apple's models, so that it can stand for one of them: it
 * answers as the shipped model does.
 */
function checkpoint(): Record<string, Buffer> {
  const names = ['generation_config.json', 'model.safetensors', 'tokenizer.model', 'tokenizer_config.json']
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(goldenPath(`lexicon/${name}`))]))
  const config = JSON.parse(readFileSync(goldenPath('lexicon/config.json'), 'utf8')) as object
  return {
    ...files,
    'config.json': Buffer.from(JSON.stringify({ ...config, max_context_length: 2048 })),
    LICENSE: Buffer.from('You may use this model to test openelm.\n'),
  }
}

function writeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, bytes] of Object.entries(checkpoint())) writeFileSync(join(folder, name), bytes)
}

/** A file as CoreNet's training leaves it, with the config that belongs to it. */
function writeCoreNet(folder: string, name: string): void {
  const config = { ...tinyConfig, vocabSize: 32128 }
  const source = join(folder, 'corenet')
  writeCheckpoint(source, config, { value: (tensor, i) => ((tensor.length * 31 + i) % 251) / 251 })
  const { checkpoint } = openHuggingFace(source, openFile)
  const tensors = [...checkpoint.tensors.values()].map(
    ({ name, shape, offset, bytes, source: file }) =>
      [
        name.replace(/^transformer\./, ''),
        { storage: 'FloatStorage', shape, data: file.read(offset, bytes) },
      ] as const,
  )
  writeFileSync(join(folder, name), torchFile(new Map(tensors)))
  writeFileSync(join(folder, 'config.json'), JSON.stringify(hfConfigOf(config)))
}

/** Once a process: the GGUF file that stands for those of a reader. */
let gguf: Promise<Buffer> | undefined

async function convert(folder: string): Promise<Buffer> {
  const [source, output] = [join(folder, '.source'), join(folder, '.converted')]
  writeFolder(source)
  await convertModel({ source, output, type: 'q8_0', name: 'OpenELM-270M-Instruct' })
  return readFileSync(output)
}

const CHAT = `{"format":"openelm-chat","version":2}
{"type":"ask","id":"a","parent":null,"user":"Define ocean."}
{"type":"answer","id":"a","assistant":"Ocean is a noun."}
`

/** Files that pages take for granted, made where a page names them in its commands. */
export const FIXTURES: Readonly<Record<string, (folder: string, name: string) => Promise<void>>> = {
  'notes.txt': async (folder, name) => writeFileSync(join(folder, name), 'Define ocean.\n'),
  'yesterday.jsonl': async (folder, name) => writeFileSync(join(folder, name), CHAT),
  'models/': async (folder) => symlinkSync(join(root, 'models'), join(folder, 'models')),
  'OpenELM-270M-Instruct': async (folder, name) => writeFolder(join(folder, name)),
  'checkpoint.pt': async (folder, name) => writeCoreNet(folder, name),
  'model.gguf': writeModel,
  '270m-instruct.gguf': writeModel,
}

async function writeModel(folder: string, name: string): Promise<void> {
  gguf ??= convert(folder)
  writeFileSync(join(folder, name), await gguf)
}

/** Puts Apple's repositories and one with a GGUF file on a hub. */
export function serveModels(hub: HubServer): void {
  const files = checkpoint()
  for (const size of ['270M', '450M', '1_1B', '3B']) {
    for (const kind of ['', '-Instruct']) {
      hub.serve(`apple/OpenELM-${size}${kind}`, { files, card: { license: 'other', license_name: 'test' } })
    }
  }
  const shipped = readFileSync(join(root, 'models/openelm-lexicon-6m-q8_0.gguf'))
  hub.serve('owner/name', { files: { 'file.gguf': shipped }, card: { license: 'mit' } })
}
