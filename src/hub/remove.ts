import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeError } from '../convert/atomic-file.js'
import { removeFromSnapshot, repositoryFolder } from './hf-cache.js'
import type { ModelReference } from './reference.js'
import type { HubSettings } from './settings.js'
import { modelsOf, recordPath, type StoredModel, storeFolder } from './store.js'

/** The stored models that a reference stands for: all of its repository where it names neither file nor type. */
export function modelsNamed({ repo, file, type }: ModelReference, settings: HubSettings): StoredModel[] {
  return modelsOf(settings.modelsDir, repo).filter(
    (model) => (file === undefined || model.file === file) && (type === undefined || model.type === type),
  )
}

/** Removes a model, the one file it consists of, and its record. @throws OpenElmError E_FILE_WRITE */
export async function removeModel(model: StoredModel, settings: HubSettings): Promise<void> {
  const { modelsDir, cacheDir } = settings
  const { repo, file, type, path } = model
  try {
    // The record first: a model without one counts as not there.
    await rm(recordPath(modelsDir, { repo, ...(file ? { file } : {}), ...(type ? { type } : {}) }))
    if (file === undefined) await rm(path, { force: true })
    else await removeFromSnapshot(path, repositoryFolder(cacheDir, repo))
  } catch (cause) {
    throw writeError(path, cause)
  }
}

/** The downloaded files of a repository, which other tools share; undefined when there are none. */
export function downloadsOf(
  repo: string,
  { cacheDir }: HubSettings,
): { path: string; bytes: number } | undefined {
  const path = repositoryFolder(cacheDir, repo)
  if (!existsSync(path)) return undefined
  const bytes = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => lstatSync(join(path, name)))
    .reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0)
  return { path, bytes }
}

/** Removes all that was downloaded from a repository. @throws OpenElmError E_FILE_WRITE */
export async function removeDownloads(repo: string, settings: HubSettings): Promise<void> {
  const path = repositoryFolder(settings.cacheDir, repo)
  await rm(path, { recursive: true, force: true }).catch((cause: unknown) => {
    throw writeError(path, cause)
  })
}

/** Removes what an ended conversion left, and the folder once no model is in it; the licence counts as unseen again. */
export async function tidyFolder(repo: string, { modelsDir }: HubSettings): Promise<void> {
  if (modelsOf(modelsDir, repo).length > 0) return
  await rm(storeFolder(modelsDir, repo), { recursive: true, force: true })
}
