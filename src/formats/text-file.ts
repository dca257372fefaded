import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OpenElmError } from '../errors.js'
import { formatError } from './format-error.js'

/** Configs and the like stand next to the weights; nothing that belongs there is larger. */
const sizeLimit = 16 * 2 ** 20

/** The text of a file in a folder, undefined when it is not there. @throws OpenElmError E_FILE_READ, E_FORMAT */
export function readText(folder: string, name: string): string | undefined {
  const path = join(folder, name)
  if (!existsSync(path)) return undefined
  if (statSync(path).size > sizeLimit) throw formatError(path, 'It is too large for such a file.')
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OpenElmError('E_FILE_READ', `${path} could not be read.`, {
      why: cause instanceof Error ? `${cause.message}.` : String(cause),
      next: 'Check its permissions.',
      cause,
    })
  }
}

/** The JSON of a file in a folder, undefined when it is not there. @throws OpenElmError E_FILE_READ, E_FORMAT */
export function readJson(folder: string, name: string): unknown {
  const text = readText(folder, name)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw formatError(join(folder, name), 'It is not JSON.', 'Restore the file from the original checkpoint.')
  }
}
