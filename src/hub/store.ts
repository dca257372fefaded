import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { writeError } from '../convert/atomic-file.js'
import { type TargetType, targetTypes } from '../convert/plan.js'
import { formatReference, type ModelReference } from './reference.js'

/*
 * What was pulled: MODELS/OWNER--NAME/ holds converted models and, for each model, MODEL.json, a record of where it comes
 * from. The record of a published GGUF file points into the cache of the hub. Names are free of `--`, so that no two
 * repositories share a folder.
 */

const recordSchema = z.object({
  repo: z.string(),
  /** Commit of the repository it was made from. */
  commit: z.string(),
  /** The hub it came from. */
  endpoint: z.string(),
  license: z.string().optional(),
  /** Of a published file: its path in the repository. */
  file: z.string().optional(),
  /** Of a converted checkpoint. */
  type: z.enum(targetTypes as [TargetType, ...TargetType[]]).optional(),
  /** The GGUF file. */
  path: z.string(),
  /** ISO 8601. */
  pulledAt: z.string(),
})

export type ModelRecord = z.infer<typeof recordSchema>

/** A model that is on this machine. */
export interface StoredModel extends ModelRecord {
  readonly bytes: number
}

/** The folder of converted models and records of a repository. */
export const storeFolder = (modelsDir: string, repo: string): string =>
  join(modelsDir, repo.split('/').join('--'))

/** Where the conversion of a checkpoint goes. */
export const convertedPath = (modelsDir: string, repo: string, type: TargetType): string =>
  join(storeFolder(modelsDir, repo), `${repo.split('/')[1]}-${type}.gguf`)

export const recordPath = (modelsDir: string, { repo, file, type }: ModelReference): string =>
  join(storeFolder(modelsDir, repo), `${(file ?? type ?? '').replaceAll('/', '--')}.json`)

/** How a stored model is named. */
export const nameOf = ({ repo, file, type }: ModelRecord): string =>
  formatReference({ repo, ...(file ? { file } : {}), ...(type ? { type } : {}) })

/** A record with its model; undefined when either is missing or makes no sense. */
function readRecord(path: string): StoredModel | undefined {
  try {
    const record = recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    return { ...record, bytes: statSync(record.path).size }
  } catch {
    // A model whose file or record was removed is not there; pulling it again repairs both.
    return undefined
  }
}

/** The models of one repository, the one pulled last first. */
export function modelsOf(modelsDir: string, repo: string): StoredModel[] {
  const folder = storeFolder(modelsDir, repo)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => readRecord(join(folder, name)) ?? [])
    .filter((model) => model.repo === repo)
    .sort((a, b) => (a.pulledAt < b.pulledAt ? 1 : -1))
}

/** Every model that was pulled, by name. */
export function allModels(modelsDir: string): StoredModel[] {
  if (!existsSync(modelsDir)) return []
  return readdirSync(modelsDir)
    .flatMap((name) => modelsOf(modelsDir, name.replace('--', '/')))
    .sort((a, b) => nameOf(a).localeCompare(nameOf(b), 'en', { numeric: true }))
}

/** The model a reference names: its very file or type, else the one of the repository that was pulled last. */
export function findModel(modelsDir: string, reference: ModelReference): StoredModel | undefined {
  const { repo, file, type } = reference
  return modelsOf(modelsDir, repo).find(
    (model) => (file === undefined || model.file === file) && (type === undefined || model.type === type),
  )
}

/** Writes a file that others see whole or not at all, and makes its folder. @throws OpenElmError E_FILE_WRITE */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(temporary, text)
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw writeError(path, cause)
  }
}

export const saveRecord = (modelsDir: string, record: ModelRecord): Promise<void> =>
  writeWhole(
    recordPath(modelsDir, {
      repo: record.repo,
      ...(record.file ? { file: record.file } : {}),
      ...(record.type ? { type: record.type } : {}),
    }),
    `${JSON.stringify(record, undefined, 2)}\n`,
  )
