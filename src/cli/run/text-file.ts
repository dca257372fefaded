import { readFileSync, statSync } from 'node:fs'
import { OpenElmError } from '../../errors.js'

/** Far more than any of these files has. */
export const MAX_TEXT_BYTES = 2 ** 20

/**
 * The text of a small file that an option names. Empty for one that is too large or not UTF-8, which the caller refuses as
 * it does an empty one.
 * @param what what the file is, such as `template`
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ
 */
export function readTextFile(path: string, what: string, option: string): string {
  let bytes: Uint8Array
  try {
    bytes = statSync(path).size > MAX_TEXT_BYTES ? new Uint8Array(0) : readFileSync(path)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new OpenElmError(
      missing ? 'E_FILE_NOT_FOUND' : 'E_FILE_READ',
      `The ${what} "${path}" cannot be read.`,
      {
        why: missing ? 'There is no file at that path.' : (error as Error).message,
        next: `Check the path given with ${option}.`,
        cause: error,
      },
    )
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return ''
  }
}

/** Why a text file is not what it should be. */
export const unusable = `It is empty, larger than ${MAX_TEXT_BYTES / 2 ** 20} MiB, or not UTF-8.`
