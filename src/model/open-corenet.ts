import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OpenElmError } from '../errors.js'
import { formatError } from '../formats/format-error.js'
import type { RowSource } from '../formats/row-source.js'
import type { Checkpoint, CheckpointTensor } from '../formats/safetensors/checkpoint.js'
import { readTorch } from '../formats/torch/checkpoint.js'
import type { OpenFile } from '../native/open-file.js'
import type { ModelConfig } from './config.js'
import { ignoredTensors, type OpenedCheckpoint, readConfig } from './open-huggingface.js'
import { presetConfig, presetNames } from './presets.js'
import { checkTensors, hfShapes } from './tensors.js'

const embedding = 'transformer.token_embeddings.weight'

/**
 * Opens a .pt file of CoreNet, whose tensors have the names of Hugging Face checkpoints apart from prefixes. The
 * embedding may have more rows than the config says; they are kept here.
 * @param configPath a config.json; without it, the one beside the file, else the published size of the same shapes
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT, E_UNSUPPORTED, E_CONFIG
 */
export function openCoreNet(path: string, open: OpenFile, configPath?: string): OpenedCheckpoint {
  const checkpoint = renamed(readTorch(open(path), path))
  const folder = dirname(path)
  const beside = join(folder, 'config.json')
  const file = configPath ?? (existsSync(beside) ? beside : undefined)
  const vocabSize = checkpoint.tensors.get(embedding)?.shape[0]
  const config = file === undefined ? undefined : readConfig(file).config
  const fitting = (candidate: ModelConfig) => ({
    ...candidate,
    vocabSize: vocabSize ?? candidate.vocabSize,
  })
  const found = config
    ? fitting(config)
    : presetNames.map(presetConfig).map(fitting).find(hasShapesOf(checkpoint))
  if (!found) {
    throw new OpenElmError('E_CONFIG', `The shape of ${path} is not known.`, {
      why: `It holds no config, and its tensors are not those of OpenELM-${presetNames.join(', ')}.`,
      next: 'Name the config.json that belongs to it with --config, or put it beside the file.',
    })
  }
  checkTensors(hfShapes(found), checkpoint.tensors.values(), path)
  return { folder, config: found, checkpoint }
}

/** The checkpoint under Hugging Face names, without buffers. */
function renamed({ files, tensors }: Checkpoint<RowSource>): Checkpoint<RowSource> {
  const found = new Map<string, CheckpointTensor<RowSource>>()
  for (const tensor of tensors.values()) {
    if (ignoredTensors.test(tensor.name)) continue
    const name = `transformer.${tensor.name.replace(/^((module|model|transformer)\.)+/, '')}`
    if (found.has(name)) throw formatError(tensor.file, `Tensor ${name} is there twice.`)
    found.set(name, { ...tensor, name })
  }
  return { files, tensors: found }
}

function hasShapesOf(checkpoint: Checkpoint<RowSource>) {
  return (config: ModelConfig): boolean => {
    const shapes = hfShapes(config)
    return (
      shapes.size === checkpoint.tensors.size &&
      [...shapes].every(([name, [rows, cols]]) => {
        const shape = checkpoint.tensors.get(name)?.shape
        return `${shape}` === `${[rows, cols]}` || (rows === 1 && `${shape}` === `${cols}`)
      })
    )
  }
}
