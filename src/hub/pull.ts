import { existsSync, statSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { writeError } from '../convert/atomic-file.js'
import { checkSpace, convertModel } from '../convert/convert.js'
import { licenseMetadata } from '../convert/hf-metadata.js'
import type { TargetType } from '../convert/plan.js'
import { OpenElmError } from '../errors.js'
import { shortNameOf } from '../model/published.js'
import {
  blobsFolder,
  hasCheckpoint,
  latestSnapshot,
  linkIntoSnapshot,
  repositoryFolder,
  snapshotFolder,
  writeRef,
} from './hf-cache.js'
import type { Connection } from './http.js'
import { unseenLicense } from './license.js'
import { isRunning, leftoverBytes } from './partial-file.js'
import { formatReference, type ModelReference } from './reference.js'
import { describeRepository, licenseFile, type Repository, selectFiles } from './repository.js'
import { convertedPath, modelsOf, type StoredModel, saveRecord } from './store.js'
import { download, type RemoteFile } from './transfer.js'

/** What a pull would do, so that it can be asked for. */
export interface PullPlan {
  readonly repo: string
  readonly commit: string
  readonly license: string | undefined
  /** Text of the licence, if it was not shown for this repository before. */
  readonly unseenLicense: string | undefined
  readonly kind: 'checkpoint' | 'gguf'
  /** What a checkpoint is converted to. */
  readonly type: TargetType | undefined
  /** Files to be downloaded or found complete; none when the snapshot is used as it is. */
  readonly files: readonly RemoteFile[]
  /** Bytes that still have to come from the hub. */
  readonly downloadBytes: number
  /** The GGUF file there will be. */
  readonly path: string
}

export interface PullProgress {
  readonly phase: 'download' | 'convert'
  readonly doneBytes: number
  readonly totalBytes: number
}

const defaultType: TargetType = 'q8_0'

/**
 * Asks the hub what pulling a model means. Of the repository's files only that of the licence is downloaded.
 * @throws OpenElmError as describeRepository, selectFiles and download, E_NOT_PULLED when the hub must not be asked
 */
export async function planPull(reference: ModelReference, connection: Connection): Promise<PullPlan> {
  const { settings } = connection
  if (settings.offline) {
    throw new OpenElmError('E_NOT_PULLED', `${formatReference(reference)} is not on this machine.`, {
      why: 'HF_HUB_OFFLINE forbids to download it.',
      next: 'Unset HF_HUB_OFFLINE, or see "openelm list" for what is here.',
    })
  }
  const repository = await describeRepository(reference.repo, connection)
  const { repo, commit, license } = repository
  const { kind, files } = selectFiles(repository, reference)
  const folder = repositoryFolder(settings.cacheDir, repo)
  const snapshot = snapshotFolder(folder, commit)
  const text = licenseFile(repository)
  if (text) await fetchFiles(repository, [text], connection, () => {})
  const type = kind === 'checkpoint' ? (reference.type ?? defaultType) : undefined
  const [first] = files
  return {
    repo,
    commit,
    license,
    unseenLicense: unseenLicense(settings.modelsDir, repo, text && join(snapshot, text.path)),
    kind,
    type,
    files,
    downloadBytes: await missingBytes(folder, files),
    path: type ? convertedPath(settings.modelsDir, repo, type) : join(snapshot, first?.path ?? ''),
  }
}

/**
 * The plan to use what the cache of the hub holds, without asking the hub; undefined when that is not all there is to know:
 * a checkpoint of others than Apple may have a tokenizer that whoever downloaded it left out.
 */
export function planFromCache(reference: ModelReference, connection: Connection): PullPlan | undefined {
  const { settings } = connection
  const { repo, file } = reference
  const found = latestSnapshot(repositoryFolder(settings.cacheDir, repo))
  if (!found) return undefined
  const { path: snapshot, commit } = found
  const common = { repo, commit, license: licenseIn(snapshot), files: [], downloadBytes: 0 }
  if (file !== undefined) {
    const path = join(snapshot, file)
    if (!existsSync(path)) return undefined
    return { ...common, unseenLicense: undefined, kind: 'gguf', type: undefined, path }
  }
  const known = ['tokenizer.model', 'tokenizer.json'].some((name) => existsSync(join(snapshot, name)))
  if (!(known || shortNameOf(repo)) || !hasCheckpoint(snapshot)) return undefined
  const type = reference.type ?? defaultType
  return {
    ...common,
    unseenLicense: unseenLicense(settings.modelsDir, repo, join(snapshot, 'LICENSE')),
    kind: 'checkpoint',
    type,
    path: convertedPath(settings.modelsDir, repo, type),
  }
}

/** The licence that the model card of a snapshot names. */
function licenseIn(snapshot: string): string | undefined {
  const found = new Map(licenseMetadata(snapshot))
  const text = (key: string) => {
    const value = found.get(key)
    return value?.type === 'string' ? value.value : undefined
  }
  const license = text('general.license')
  return license === 'other' ? (text('general.license.name') ?? license) : license
}

/**
 * Downloads and converts what a plan says, as far as it is not done, and records it. Interrupted or killed at any point
 * it can be repeated and goes on where it stopped; several processes may do it at once.
 * @throws OpenElmError as download and convertModel
 */
export async function pull(
  plan: PullPlan,
  connection: Connection,
  onProgress: (progress: PullProgress) => void = () => {},
): Promise<StoredModel> {
  const { settings, signal } = connection
  const { repo, commit, license, kind, type, path, files } = plan
  const folder = repositoryFolder(settings.cacheDir, repo)
  if (files.length > 0) {
    await makeFolder(blobsFolder(folder))
    await checkSpace(join(blobsFolder(folder), 'x'), plan.downloadBytes)
    const totalBytes = files.reduce((sum, { size }) => sum + size, 0)
    await fetchFiles(plan, files, connection, (doneBytes) => {
      if (plan.downloadBytes > 0) onProgress({ phase: 'download', doneBytes, totalBytes })
    })
    await writeRef(folder, commit)
  }
  const file = kind === 'gguf' ? path.slice(snapshotFolder(folder, commit).length + 1) : undefined
  if (type && !isCurrent(plan, settings.modelsDir)) {
    await makeFolder(dirname(path))
    await removeAbandoned(path)
    await convertModel({
      source: snapshotFolder(folder, commit),
      output: path,
      type,
      overwrite: true,
      onProgress: ({ doneBytes, totalBytes }) => onProgress({ phase: 'convert', doneBytes, totalBytes }),
      ...(signal ? { signal } : {}),
    })
  }
  const record = {
    repo,
    commit,
    endpoint: settings.endpoint,
    path,
    pulledAt: new Date().toISOString(),
    ...(license ? { license } : {}),
    ...(file ? { file: file.replaceAll('\\', '/') } : {}),
    ...(type ? { type } : {}),
  }
  await saveRecord(settings.modelsDir, record)
  return { ...record, bytes: statSync(path).size }
}

/** Whether the model is there and was made from the plan's commit. */
export function isCurrent({ repo, commit, type, path }: PullPlan, modelsDir: string): boolean {
  return modelsOf(modelsDir, repo).some(
    (model) => model.type === type && model.commit === commit && model.path === path,
  )
}

/** Removes what conversions to the same path left whose process was killed: it may be gigabytes. */
async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path)
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(`.${basename(path)}.`) ? /\.(\d+)-[0-9a-z]+\.tmp$/.exec(name)?.[1] : undefined
    if (pid === undefined || isRunning(Number(pid))) continue
    const stats = await stat(join(folder, name)).catch(() => undefined)
    // A process that cannot be seen from here, in a container, would still be writing.
    if (stats && Date.now() - stats.mtimeMs > 60_000) await rm(join(folder, name), { force: true })
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: unknown) => {
    throw writeError(path, cause)
  })
}

/** Bytes of files that are neither complete nor begun. */
async function missingBytes(folder: string, files: readonly RemoteFile[]): Promise<number> {
  const blobs = blobsFolder(folder)
  let missing = 0
  for (const { etag, size } of files) {
    const there = (await stat(join(blobs, etag)).catch(() => undefined))?.size === size
    if (!there) missing += Math.max(0, size - (await leftoverBytes(blobs, etag)))
  }
  return missing
}

/** Downloads files and shows them in the snapshot of their commit. */
async function fetchFiles(
  { repo, commit }: Pick<Repository, 'repo' | 'commit'>,
  files: readonly RemoteFile[],
  connection: Connection,
  onProgress: (doneBytes: number) => void,
): Promise<void> {
  const { settings } = connection
  const folder = repositoryFolder(settings.cacheDir, repo)
  const blobs = blobsFolder(folder)
  let before = 0
  for (const file of files) {
    const path = file.path.split('/').map(encodeURIComponent).join('/')
    await download(
      {
        file,
        url: `${settings.endpoint}/${repo}/resolve/${commit}/${path}`,
        subject: `${repo}: ${file.path}`,
        blobs,
        onProgress: (bytes) => onProgress(before + bytes),
      },
      connection,
    )
    await linkIntoSnapshot(join(blobs, file.etag), join(snapshotFolder(folder, commit), file.path))
    before += file.size
  }
}
