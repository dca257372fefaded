import * as z from 'zod'
import { formatSchema, grammarOf, jsonSchemaSchema } from '../../engine/grammar.js'
import type { GenerateOptions } from '../../engine/types.js'
import { OpenElmError } from '../../errors.js'
import { definedOnly, type OptionValues, option } from '../options.js'
import { readTextFile, unusable } from './text-file.js'

const path = z.string().min(1, { error: 'a path' }).optional()

/** What the answer must be. */
export const formOptions = {
  format: option(
    '--format <name>',
    'text, or json: the answer is a JSON object (default: text)',
    formatSchema.optional(),
  ),
  schema: option('--schema <file>', 'the answer is JSON that is valid under a JSON Schema', path),
  grammar: option(
    '--grammar <file>',
    "the answer is a text of a grammar in GBNF, llama.cpp's\nlanguage for it",
    path,
  ),
} as const

/**
 * The options as the library takes them, with the contents of their files.
 * @param stop the stop strings, which go with none of them
 * @throws OpenElmError E_USAGE for options that exclude each other, E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT, E_GRAMMAR
 */
export function readForm(
  options: OptionValues<typeof formOptions>,
  stop: readonly string[] | undefined,
): Pick<GenerateOptions, 'format' | 'schema' | 'grammar'> {
  const { format, schema, grammar } = options
  const form = {
    format,
    schema: schema === undefined ? undefined : readSchema(schema),
    grammar: grammar === undefined ? undefined : readGrammar(grammar),
  }
  // What is wrong with them is told before a model is loaded.
  grammarOf({ ...form, stop: stop ?? [] })
  return definedOnly(form)
}

function readGrammar(path: string): string {
  const text = readTextFile(path, 'grammar', '--grammar')
  if (text.trim() !== '') return text
  throw new OpenElmError('E_FORMAT', `"${path}" is not a grammar.`, {
    why: unusable,
    next: 'Name a file in GBNF, such as one with the line: root ::= "yes" | "no"',
  })
}

function readSchema(path: string) {
  const text = readTextFile(path, 'schema', '--schema')
  const next = 'Name a file with a JSON Schema, such as: {"type": "object"}'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new OpenElmError('E_FORMAT', `"${path}" is not JSON.`, {
      why: text.trim() === '' ? unusable : (error as Error).message,
      next,
      cause: error,
    })
  }
  const schema = jsonSchemaSchema.safeParse(value)
  if (schema.success) return schema.data
  throw new OpenElmError('E_FORMAT', `"${path}" is not a JSON Schema.`, {
    why: 'It is an object, true or false.',
    next,
  })
}
