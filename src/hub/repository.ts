import { OpenElmError } from '../errors.js'
import { branch, isCommit } from './hf-cache.js'
import { apiFetch, type Connection } from './http.js'
import { damagedError } from './hub-error.js'
import { isSafePath, type ModelReference } from './reference.js'
import { isEtag, type RemoteFile } from './transfer.js'

/** A repository as it is now. */
export interface Repository {
  readonly repo: string
  readonly commit: string
  /** Short name of its licence, such as `mit`, where the model card states one. */
  readonly license: string | undefined
  readonly files: readonly RemoteFile[]
}

/** What of a repository is needed to run its model. */
export interface Selection {
  readonly kind: 'checkpoint' | 'gguf'
  readonly files: readonly RemoteFile[]
}

/**
 * Asks the hub for the state of a repository.
 * @throws OpenElmError E_NOT_FOUND, E_ACCESS, E_NETWORK, E_CHECKSUM for an answer that makes no sense, E_ABORTED
 */
export async function describeRepository(repo: string, connection: Connection): Promise<Repository> {
  // Loaded here alone: models that are on this machine run without it.
  const { modelInfo, listFiles } = await import('@huggingface/hub')
  const hub = { hubUrl: connection.settings.endpoint, fetch: apiFetch(connection, repo) }
  const malformed = (cause: unknown) => {
    if (cause instanceof OpenElmError) return cause
    return damagedError(repo, 'The hub answered with something else than a description of it.')
  }
  try {
    const info = await modelInfo({
      ...hub,
      name: repo,
      revision: branch,
      additionalFields: ['sha', 'cardData'],
    })
    if (!isCommit(info.sha)) throw damagedError(repo, 'The hub did not say which commit it is at.')
    const files: RemoteFile[] = []
    for await (const entry of listFiles({ ...hub, repo, revision: info.sha, recursive: true })) {
      if (entry.type !== 'file' || !isSafePath(entry.path)) continue
      const { path, size } = entry
      const etag = entry.lfs?.oid ?? entry.oid ?? ''
      if (isEtag(etag) && Number.isSafeInteger(size) && size >= 0) files.push({ path, size, etag })
    }
    return { repo, commit: info.sha, license: licenseOf(info.cardData), files }
  } catch (cause) {
    throw malformed(cause)
  }
}

function licenseOf(card: unknown): string | undefined {
  const { license, license_name } = (card ?? {}) as { license?: unknown; license_name?: unknown }
  const name = license === 'other' && typeof license_name === 'string' ? license_name : license
  return typeof name === 'string' && name.length < 100 ? name : undefined
}

/** What conversion reads besides weights, and what tells people about a model. */
const companions = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'chat_template.jinja',
  'README.md',
])
const index = 'model.safetensors.index.json'

const isLicense = (path: string) => /^licen[cs]e(\.(md|txt))?$/i.test(path)

/** The file with the text of the licence, if there is one. */
export const licenseFile = ({ files }: Repository): RemoteFile | undefined =>
  files.find(({ path }) => isLicense(path))

/**
 * Chooses the files to download: a named GGUF file, else the checkpoint, else the only GGUF file.
 * @throws OpenElmError E_NOT_FOUND when there is nothing to run, E_USAGE when there is a choice to make
 */
export function selectFiles(repository: Repository, reference: ModelReference): Selection {
  const { repo, files } = repository
  const byPath = new Map(files.map((file) => [file.path, file]))
  const gguf = files.filter(({ path }) => /\.gguf$/i.test(path))
  const names = gguf.map(({ path }) => path).join(', ')
  if (reference.file !== undefined) {
    const file = byPath.get(reference.file)
    if (file) return { kind: 'gguf', files: [file] }
    throw new OpenElmError('E_NOT_FOUND', `${repo} has no file ${reference.file}.`, {
      why: gguf.length > 0 ? `It has ${names}.` : 'It has no GGUF files.',
      next: 'Name one of its files after the colon.',
    })
  }
  const weights = byPath.has('config.json') ? weightFiles(files, byPath.has(index)) : []
  if (weights.length > 0) {
    const others = files.filter(({ path }) => companions.has(path) || isLicense(path))
    return { kind: 'checkpoint', files: [...others, ...weights] }
  }
  const [only] = gguf
  if (only && reference.type === undefined && gguf.length === 1) return { kind: 'gguf', files: [only] }
  if (only) {
    throw new OpenElmError(
      'E_USAGE',
      `${repo} has no checkpoint to convert, but GGUF files to choose from.`,
      {
        why: `It has ${names}.`,
        next: `Name one, such as ${repo}:${only.path}.`,
      },
    )
  }
  throw new OpenElmError('E_NOT_FOUND', `${repo} holds no model that openelm can use.`, {
    why: 'It has neither config.json with .safetensors files nor a GGUF file.',
    next: 'Name a repository with an OpenELM checkpoint or GGUF file.',
  })
}

/** The files that openCheckpoint will look for. */
function weightFiles(files: readonly RemoteFile[], sharded: boolean): RemoteFile[] {
  const all = files.filter(({ path }) => /^[^/]+\.safetensors$/.test(path))
  if (sharded) return files.filter(({ path }) => path === index || /^[^/]+-of-\d+\.safetensors$/.test(path))
  const single = all.find(({ path }) => path === 'model.safetensors')
  return single ? [single] : all.length === 1 ? all : []
}
