import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { parameterCount } from '../../src/model/config.js'
import { type PresetName, presetConfig } from '../../src/model/presets.js'
import { root } from '../lib/openelm.js'
import { type RandomType, writeRandomGguf } from './random-gguf.js'
import type { Arithmetic } from './transformers/openelm.js'
import { writeOnnx } from './transformers/write.js'

const folder = join(root, 'build/bench')

/** Converts a checkpoint with `openelm convert`; returns the GGUF file, kept for later runs. */
function converted(checkpoint: string, name: string, type: string): string {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}-${type}.gguf`)
  if (existsSync(file)) return file
  const command = [join(root, 'bin/openelm.js'), 'convert', checkpoint, '-o', file, '--type', type]
  execFileSync(process.execPath, command, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  return file
}

/** A GGUF file of a published size with random weights: the same file for us and for the peers. Kept for later runs. */
export async function randomModel(size: PresetName, type: RandomType): Promise<string> {
  const file = join(folder, `random-${size}-${type}.gguf`)
  mkdirSync(folder, { recursive: true })
  // 8 bits a weight twice: the file, and a form of it for another engine.
  const needed = 2 * parameterCount(presetConfig(size))
  const { bavail, bsize } = statfsSync(folder)
  if (!existsSync(file) && bavail * bsize < needed)
    throw new Error(`${folder} needs ${Math.ceil(needed / 1e9)} GB free for OpenELM-${size}`)
  if (totalmem() < 1.5 * needed)
    throw new Error(`OpenELM-${size} needs ${Math.ceil((1.5 * needed) / 1e9)} GB of memory`)
  await writeRandomGguf(file, size, type)
  return file
}

/** A GGUF file that one of the above returned, as a model folder of transformers.js. Kept for later runs. */
export const onnxModel = (file: string, arithmetic: Arithmetic): string =>
  writeOnnx(file, file.replace(/\.gguf$/, `-onnx-${arithmetic}`), arithmetic)

/** The small trained checkpoint of the tests as a GGUF file. */
export const trainedModel = (type: string): string =>
  converted(join(root, 'test/golden/lexicon'), 'lexicon', type)
