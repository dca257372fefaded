import { existsSync, statSync } from 'node:fs'
import { resolveModelPath } from '../engine/default-model.js'
import { OpenElmError } from '../errors.js'
import { repositoryOf } from '../model/published.js'

/** What getting a model may do. */
export interface Obtaining {
  /** Download without asking. */
  readonly yes: boolean
  readonly signal: AbortSignal
}

/** Whether text is meant as a path, and not as the name of a model on the hub. */
function isPath(text: string): boolean {
  if (/\.gguf$/i.test(text) && !text.includes(':')) return true
  if (/^([./~\\]|[A-Za-z]:[\\/])/.test(text)) return true
  // A folder that happens to be called 3b is not meant; ./3b is.
  return existsSync(text) && (text.includes('/') || statSync(text).isFile())
}

/**
 * The path of the model to use: what was given, else OPENELM_MODEL, else the model that ships with openelm. A path stays
 * one; a name is looked up among the models that were pulled, and pulled where the user agrees. Nothing of the hub is
 * loaded for a path.
 * @throws OpenElmError E_FILE_NOT_FOUND; for a name E_NO_TTY, E_NOT_PULLED and what pulling throws
 */
export async function resolveModel(given: string | undefined, obtaining: Obtaining): Promise<string> {
  const name = given ?? (process.env.OPENELM_MODEL || undefined)
  if (name === undefined || isPath(name)) return resolveModelPath(given)
  const { obtainModel } = await import('./hub/obtain.js')
  return obtainModel(name, obtaining)
}

/**
 * Tells the model from the prompt in the arguments of `run`: the first is the model if -m names none and it is exactly one
 * of the short names, whatever follows and wherever the rest of the prompt comes from.
 */
export function modelAndPrompt(
  args: readonly string[],
  model: string | undefined,
): { model: string | undefined; prompt: readonly string[] } {
  const [first = '', ...rest] = args
  if (model !== undefined || repositoryOf(first) === undefined) return { model, prompt: args }
  return { model: first, prompt: rest }
}

/** Refuses a chat with one of Apple's base models before it is downloaded. @throws OpenElmError E_TEMPLATE */
export function refuseBaseModel(model: string | undefined): void {
  const short = (model ?? process.env.OPENELM_MODEL ?? '').toLowerCase().split(':')[0] ?? ''
  if (repositoryOf(short) === undefined || short.endsWith('-instruct')) return
  throw new OpenElmError('E_TEMPLATE', `${short} cannot chat.`, {
    why: 'It is a base model, which continues text but was not trained for conversations.',
    next: `Chat with ${short}-instruct, or use "openelm run -m ${short}".`,
  })
}
