import { readFileSync, statSync } from 'node:fs'
import * as z from 'zod'
import { OpenElmError } from '../../errors.js'
import { option } from '../options.js'

/** Far more than any template. */
const MAX_BYTES = 2 ** 20

export const templateOption = {
  template: option(
    '--template <file>',
    "Jinja chat template to use instead of the model's own",
    z.string().min(1, { error: 'the path of a template' }).optional(),
  ),
} as const

/**
 * The source of the template, or undefined where no file is named.
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT
 */
export function readTemplate(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  let bytes: Uint8Array
  try {
    bytes = statSync(path).size > MAX_BYTES ? new Uint8Array(0) : readFileSync(path)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new OpenElmError(
      missing ? 'E_FILE_NOT_FOUND' : 'E_FILE_READ',
      `The template "${path}" cannot be read.`,
      {
        why: missing ? 'There is no file at that path.' : (error as Error).message,
        next: 'Check the path given with --template.',
        cause: error,
      },
    )
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (text.trim() !== '') return text
  } catch {
    // Said below.
  }
  throw new OpenElmError('E_FORMAT', `"${path}" is not a chat template.`, {
    why: `It is empty, larger than ${MAX_BYTES / 2 ** 20} MiB, or not UTF-8.`,
    next: 'Name a file with a Jinja template, such as chat_template.jinja of a checkpoint.',
  })
}
