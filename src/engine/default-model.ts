import { existsSync } from 'node:fs'
import { OpenElmError } from '../errors.js'
import { packageRoot } from '../package-root.js'

/** The small dictionary model that ships with the package. */
export const SHIPPED_MODEL = `${packageRoot}models/openelm-lexicon-6m-q8_0.gguf`

/**
 * The path of the model to use: as given, else OPENELM_MODEL, else the shipped one.
 * @throws OpenElmError E_FILE_NOT_FOUND when there is no file
 */
export function resolveModelPath(given?: string): string {
  const fromEnvironment = given === undefined ? process.env.OPENELM_MODEL || undefined : undefined
  const path = given ?? fromEnvironment ?? SHIPPED_MODEL
  if (existsSync(path)) return path
  throw new OpenElmError('E_FILE_NOT_FOUND', `The model "${path}" does not exist.`, {
    why:
      given !== undefined
        ? 'There is no file at that path.'
        : fromEnvironment
          ? 'OPENELM_MODEL names it, but there is no file at that path.'
          : 'It should have come with the package.',
    next: 'Name a GGUF file with -m, or a model such as 270m-instruct.',
  })
}
