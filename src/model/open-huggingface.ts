import { statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { OpenElmError } from '../errors.js'
import { dequantized } from '../formats/mlx/checkpoint.js'
import { mlxQuantization } from '../formats/mlx/quantization.js'
import type { RowSource } from '../formats/row-source.js'
import { type Checkpoint, openCheckpoint } from '../formats/safetensors/checkpoint.js'
import { readJson } from '../formats/text-file.js'
import type { OpenFile } from '../native/open-file.js'
import type { ModelConfig } from './config.js'
import { configFromHf } from './hf-config.js'
import { checkTensors, hfShapes } from './tensors.js'

/** Buffers that old versions of the modelling code saved among the weights. */
export const ignoredTensors = /(^|\.)(causal_mask|inv_freq|cos_cached|sin_cached)$/

/** A checkpoint whose tensors, under Hugging Face names, are those of its config. */
export interface OpenedCheckpoint {
  /** Where tokenizer and other files beside the weights are looked for. */
  readonly folder: string
  readonly config: ModelConfig
  readonly checkpoint: Checkpoint<RowSource>
}

/**
 * Opens a checkpoint in the layout of a Hugging Face repository, quantized as MLX does it or not, and checks that its
 * tensors are those of its config.
 * @param path its folder, or its only .safetensors file with config.json next to it
 * @param configPath the config.json to use instead of that in the folder
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT, E_UNSUPPORTED, E_CONFIG
 */
export function openHuggingFace(path: string, open: OpenFile, configPath?: string): OpenedCheckpoint {
  const folder = statSync(path).isDirectory() ? path : dirname(path)
  const file = configPath ?? join(folder, 'config.json')
  const { config, json } = readConfig(file)
  const stored = openCheckpoint(path, open)
  const quantization = mlxQuantization(json, file)
  const checkpoint = quantization ? dequantized(stored, quantization) : stored
  const weights = [...checkpoint.tensors.values()].filter(({ name }) => !ignoredTensors.test(name))
  checkTensors(hfShapes(config), weights, path)
  return { folder, config, checkpoint }
}

/** A config.json and the model it describes. @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT, E_CONFIG */
export function readConfig(path: string): { readonly json: unknown; readonly config: ModelConfig } {
  const json = readJson(dirname(path), basename(path))
  if (json === undefined) {
    throw new OpenElmError('E_FILE_NOT_FOUND', `${path} does not exist.`, {
      why: 'The shape of the model is written there.',
      next: 'Put the config.json of the checkpoint next to its weights.',
    })
  }
  return { json, config: configFromHf(json, path) }
}
