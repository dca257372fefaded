import { type TargetType, targetTypes } from '../convert/plan.js'
import { OpenElmError } from '../errors.js'
import { repositoryOf, shortNameOf } from '../model/published.js'

/** A model on the hub, as people name it. */
export interface ModelReference {
  /** `owner/name`. */
  readonly repo: string
  /** A published GGUF file in it, which is used as it is. */
  readonly file?: string
  /** The type a checkpoint is converted to; undefined leaves the choice. */
  readonly type?: TargetType
}

/** Names the hub gives out; it has no `--` or `..`, so that the folder of a repository names exactly one. */
const repoPattern = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/

const isType = (text: string): text is TargetType => (targetTypes as readonly string[]).includes(text)

/** Whether a path inside a repository stays there on every system, and can be printed. */
export function isSafePath(path: string): boolean {
  const parts = path.split('/')
  return parts.every((part) => part !== '' && part !== '.' && part !== '..') && !/[\\:\p{Cc}]/u.test(path)
}

/**
 * Reads `270m-instruct`, `owner/name`, `…:q4_0` (a type to convert to) or `owner/name:file.gguf`.
 * Undefined for text that names no model of the hub.
 * @throws OpenElmError E_USAGE for a name followed by something else than a type or a GGUF file
 */
export function parseReference(text: string): ModelReference | undefined {
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  const repo = repositoryOf(name.toLowerCase()) ?? (isRepository(name) ? name : undefined)
  if (repo === undefined) return undefined
  if (colon < 0) return { repo }
  const rest = text.slice(colon + 1)
  if (isType(rest.toLowerCase())) return { repo, type: rest.toLowerCase() as TargetType }
  if (/\.gguf$/i.test(rest) && isSafePath(rest)) return { repo, file: rest }
  throw new OpenElmError('E_USAGE', `"${text}" names no model.`, {
    why: `After the colon comes a type (${targetTypes.join(', ')}) or the name of a .gguf file.`,
    next: `Try ${name}:q8_0.`,
  })
}

const isRepository = (name: string): boolean => repoPattern.test(name) && !/--|\.\./.test(name)

/** The shortest text that parseReference reads as this. */
export function formatReference({ repo, file, type }: ModelReference): string {
  const name = shortNameOf(repo) ?? repo
  const rest = file ?? type
  return rest === undefined ? name : `${name}:${rest}`
}
