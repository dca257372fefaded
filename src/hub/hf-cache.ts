import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { copyFile, mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { writeError } from '../convert/atomic-file.js'
import { readJson } from '../formats/text-file.js'

/*
 * The cache that tools for the hub share: models--OWNER--NAME/ with blobs/ETAG (contents), snapshots/COMMIT/PATH (links to
 * them) and refs/NAME (the commit of a branch).
 */

/** The branch everything is taken from. */
export const branch = 'main'

export const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text)

/** The folder of one repository. */
export const repositoryFolder = (cacheDir: string, repo: string): string =>
  join(cacheDir, ['models', ...repo.split('/')].join('--'))

export const blobsFolder = (folder: string): string => join(folder, 'blobs')

export const snapshotFolder = (folder: string, commit: string): string => join(folder, 'snapshots', commit)

/** The snapshot of the branch that was downloaded last, whether complete or not; undefined when there is none. */
export function latestSnapshot(folder: string): { path: string; commit: string } | undefined {
  let commit: string
  try {
    commit = readFileSync(join(folder, 'refs', branch), 'utf8').trim()
  } catch {
    return undefined
  }
  const path = snapshotFolder(folder, commit)
  return isCommit(commit) && existsSync(path) ? { path, commit } : undefined
}

/** Whether a snapshot has config and weights of a checkpoint. @throws OpenElmError E_FORMAT for a broken index */
export function hasCheckpoint(snapshot: string): boolean {
  if (!existsSync(join(snapshot, 'config.json'))) return false
  const index = readJson(snapshot, 'model.safetensors.index.json')
  const map = (index as { weight_map?: unknown } | undefined)?.weight_map
  if (map && typeof map === 'object') {
    return Object.values(map).every((name) => existsSync(join(snapshot, String(name))))
  }
  return readdirSync(snapshot).some(
    (name) => name.endsWith('.safetensors') && existsSync(join(snapshot, name)),
  )
}

/** Lets a snapshot show a content under a path. Where links are not allowed, the content moves there. */
export async function linkIntoSnapshot(blob: string, pointer: string): Promise<void> {
  const temporary = `${pointer}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await mkdir(dirname(pointer), { recursive: true })
    try {
      await symlink(relative(dirname(pointer), blob), temporary)
    } catch (error) {
      // Windows lets only some users make links.
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
      await copyFile(blob, temporary)
    }
    await rename(temporary, pointer)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw writeError(pointer, cause)
  }
}

/** Notes that a snapshot is what the branch is at. */
export async function writeRef(folder: string, commit: string): Promise<void> {
  const path = join(folder, 'refs', branch)
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(temporary, commit)
    await rename(temporary, path)
  } catch (cause) {
    throw writeError(path, cause)
  }
}

/** Removes a file from its snapshot, and its content unless another snapshot shows it too. */
export async function removeFromSnapshot(pointer: string, folder: string): Promise<void> {
  const blob = realpathSync(pointer)
  await unlink(pointer)
  if (blob === pointer || !blob.startsWith(realpathSync(folder))) return
  const snapshots = join(folder, 'snapshots')
  const shown = readdirSync(snapshots, { recursive: true, encoding: 'utf8' }).some((name) => {
    const path = join(snapshots, name)
    return existsSync(path) && realpathSync(path) === blob
  })
  if (!shown) await unlink(blob)
}
