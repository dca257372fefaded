import * as z from 'zod'
import { OpenElmError } from '../../errors.js'
import { option } from '../options.js'
import { readTextFile, unusable } from './text-file.js'

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
  const text = readTextFile(path, 'template', '--template')
  if (text.trim() !== '') return text
  throw new OpenElmError('E_FORMAT', `"${path}" is not a chat template.`, {
    why: unusable,
    next: 'Name a file with a Jinja template, such as chat_template.jinja of a checkpoint.',
  })
}
