import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OpenElmError } from '../errors.js'
import { type Checkpoint, openCheckpoint } from '../formats/safetensors/checkpoint.js'
import { readJson } from '../formats/text-file.js'
import type { NativeMappedFile } from '../native/binding.js'
import type { OpenFile } from '../native/open-file.js'
import type { ModelConfig } from './config.js'
import { configFromHf } from './hf-config.js'
import { checkTensors, hfShapes } from './tensors.js'

/** Buffers that old versions of the modelling code saved among the weights. */
const ignoredTensors = /(^|\.)(causal_mask|inv_freq|cos_cached|sin_cached)$/

export interface HuggingFaceCheckpoint {
  readonly folder: string
  readonly config: ModelConfig
  readonly checkpoint: Checkpoint<NativeMappedFile>
}

/**
 * Opens a checkpoint in the layout of a Hugging Face repository and checks that its tensors are those of its config.
 * @param path its folder, or its only .safetensors file with config.json next to it
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT, E_CONFIG
 */
export function openHuggingFace(path: string, open: OpenFile): HuggingFaceCheckpoint {
  const folder = statSync(path).isDirectory() ? path : dirname(path)
  const json = readJson(folder, 'config.json')
  if (json === undefined) {
    throw new OpenElmError('E_FILE_NOT_FOUND', `${join(folder, 'config.json')} does not exist.`, {
      why: 'The shape of the model is written there.',
      next: 'Put the config.json of the checkpoint next to its weights.',
    })
  }
  const config = configFromHf(json, join(folder, 'config.json'))
  const checkpoint = openCheckpoint(path, open)
  const weights = [...checkpoint.tensors.values()].filter(({ name }) => !ignoredTensors.test(name))
  checkTensors(hfShapes(config), weights, path)
  return { folder, config, checkpoint }
}
