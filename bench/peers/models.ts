import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PresetName } from '../../src/model/presets.js'
import { root } from '../lib/openelm.js'
import { randomCheckpoint } from './checkpoint.js'

const folder = join(root, 'build/bench')

/** Converts a checkpoint with `openelm convert`; returns the GGUF file, kept for later runs. */
export function converted(checkpoint: string, name: string, type: string): string {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}-${type}.gguf`)
  if (existsSync(file)) return file
  const command = [join(root, 'bin/openelm.js'), 'convert', checkpoint, '-o', file, '--type', type]
  execFileSync(process.execPath, command, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  return file
}

/** A GGUF file of a published size with random weights: the same file for us and for the peers. */
export async function randomModel(size: PresetName, type: string): Promise<string> {
  return converted(await randomCheckpoint(size, folder), `OpenELM-${size}-random`, type)
}

/** The small trained checkpoint of the tests as a GGUF file. */
export const trainedModel = (type: string): string =>
  converted(join(root, 'test/golden/lexicon'), 'lexicon', type)
