import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import * as z from 'zod'
import { OpenElmError } from '../../errors.js'
import type { ByteSource } from '../byte-source.js'
import { formatError } from '../format-error.js'
import { readJson } from '../text-file.js'
import { readSafetensors, type SafetensorsTensor } from './reader.js'

/** A tensor and the shard it lies in. */
export interface CheckpointTensor<Source extends ByteSource> extends SafetensorsTensor {
  readonly source: Source
  /** Path of the shard. */
  readonly file: string
}

/** All tensors of a checkpoint, whether it is one file or many. */
export interface Checkpoint<Source extends ByteSource> {
  /** Paths of the files that hold tensors. */
  readonly files: readonly string[]
  readonly tensors: ReadonlyMap<string, CheckpointTensor<Source>>
}

const indexName = 'model.safetensors.index.json'
const singleName = 'model.safetensors'

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) })

/**
 * Opens one safetensors file, or a folder in the layout of a Hugging Face repository: shards named by
 * model.safetensors.index.json, else model.safetensors, else the only .safetensors file there is.
 * @param open maps a file
 * @throws OpenElmError E_FILE_NOT_FOUND when the folder has no weights, E_FORMAT
 */
export function openCheckpoint<Source extends ByteSource>(
  path: string,
  open: (file: string) => Source,
): Checkpoint<Source> {
  if (!statSync(path).isDirectory()) return openFiles([path], open)
  if (existsSync(join(path, indexName))) return openShards(path, readIndex(path), open)
  const single = join(path, singleName)
  return openFiles([existsSync(single) ? single : onlySafetensors(path)], open)
}

function onlySafetensors(folder: string): string {
  const found = readdirSync(folder).filter((name) => name.endsWith('.safetensors'))
  const [only] = found
  if (only !== undefined && found.length === 1) return join(folder, only)
  const why =
    found.length === 0
      ? `It has neither ${singleName} nor ${indexName}.`
      : `It has ${found.length} .safetensors files and no ${indexName} that lists them.`
  throw new OpenElmError('E_FILE_NOT_FOUND', `${folder} holds no checkpoint.`, {
    why,
    next: 'Name the folder of a Hugging Face repository, or one .safetensors or .gguf file.',
  })
}

function readIndex(folder: string): Readonly<Record<string, string>> {
  const parsed = indexSchema.safeParse(readJson(folder, indexName))
  if (parsed.success) return parsed.data.weight_map
  throw formatError(join(folder, indexName), 'It has no "weight_map" of tensor names to file names.')
}

function openShards<Source extends ByteSource>(
  folder: string,
  weightMap: Readonly<Record<string, string>>,
  open: (file: string) => Source,
): Checkpoint<Source> {
  const index = join(folder, indexName)
  const names = [...new Set(Object.values(weightMap))].sort()
  if (names.length > 1024) throw formatError(index, `It names ${names.length} files.`)
  for (const name of names) {
    if (name !== basename(name) || /[\\/\0]/.test(name) || !name.endsWith('.safetensors')) {
      throw formatError(
        index,
        `It names the file ${JSON.stringify(name)}, which is not a file of this folder.`,
      )
    }
    if (!existsSync(join(folder, name))) {
      throw new OpenElmError('E_FILE_NOT_FOUND', `${join(folder, name)} does not exist.`, {
        why: `${indexName} lists it as a part of the checkpoint.`,
        next: 'Download the checkpoint completely.',
      })
    }
  }
  const checkpoint = openFiles(
    names.map((name) => join(folder, name)),
    open,
  )
  for (const [tensor, file] of Object.entries(weightMap)) {
    if (checkpoint.tensors.get(tensor)?.file !== join(folder, file)) {
      throw formatError(index, `It says that ${tensor} is in ${file}, but it is not.`)
    }
  }
  return checkpoint
}

function openFiles<Source extends ByteSource>(
  files: readonly string[],
  open: (file: string) => Source,
): Checkpoint<Source> {
  const tensors = new Map<string, CheckpointTensor<Source>>()
  for (const file of files) {
    const source = open(file)
    for (const tensor of readSafetensors(source, file).tensors) {
      const other = tensors.get(tensor.name)
      if (other) throw formatError(file, `Tensor ${tensor.name} is also in ${other.file}.`)
      tensors.set(tensor.name, { ...tensor, source, file })
    }
  }
  return { files, tensors }
}
