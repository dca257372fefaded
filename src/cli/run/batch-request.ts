import * as z from 'zod'
import type { Model } from '../../engine/model.js'
import { generateFields, messagesField, toGenerateOptions } from '../../engine/request-fields.js'
import type { GenerateOptions } from '../../engine/types.js'
import { validate } from '../../engine/validate.js'
import { OpenElmError } from '../../errors.js'
import type { InputLine } from './batch-lines.js'
import { type PromptForm, promptIds } from './prompt-ids.js'

const text = z.string({ error: 'text' })

const lineSchema = z.strictObject({
  id: z.union([z.string(), z.number()], { error: 'text or a number' }).optional(),
  prompt: text.optional(),
  system: text.optional(),
  messages: messagesField.optional(),
  ...generateFields,
})

/** What one line asks for. */
export interface BatchRequest {
  readonly ids: Int32Array
  readonly options: GenerateOptions
}

const parse = (line: InputLine): unknown => {
  if (line.text === undefined) {
    throw new OpenElmError('E_FORMAT', line.wrong ?? 'The line cannot be read.', {
      next: 'Each line is one JSON object in UTF-8.',
    })
  }
  try {
    return JSON.parse(line.text)
  } catch (error) {
    throw new OpenElmError('E_FORMAT', 'The line is not valid JSON.', {
      why: (error as Error).message,
      next: 'Each line is one JSON object.',
      cause: error,
    })
  }
}

/** The id under which a line is answered: its own, else its number. Never throws. */
export function idOf(line: InputLine): string | number {
  try {
    const { id } = JSON.parse(line.text ?? '') as { id?: unknown }
    if (typeof id === 'string' || typeof id === 'number') return id
  } catch {
    // What is wrong with the line is said where it is read.
  }
  return line.number
}

/**
 * Reads one line.
 * @throws OpenElmError for anything that keeps it from being answered
 */
export function readRequest(model: Model, line: InputLine, form: PromptForm): BatchRequest {
  const { prompt, messages, system, ...fields } = validate(lineSchema, parse(line), 'the line')
  if ((prompt === undefined) === (messages === undefined)) {
    throw new OpenElmError('E_USAGE', 'Expected either prompt or messages in the line.', {
      why: prompt === undefined ? 'It has neither.' : 'It has both.',
    })
  }
  // A conversation brings its own system message, or none.
  const given = system ?? (messages ? undefined : form.system)
  return {
    ids: promptIds(model, prompt ?? messages ?? '', { ...form, system: given }),
    options: toGenerateOptions(fields),
  }
}
