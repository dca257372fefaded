import * as z from 'zod'
import { OpenElmError } from '../errors.js'
import { type JsonSchema, jsonGrammar, schemaToGbnf } from '../grammar/json-schema.js'
import type { NativeGrammar, NativeTokenizer } from '../native/binding.js'
import { loadNative } from '../native/load.js'

export const formatSchema = z.enum(['text', 'json'], { error: 'text or json' })
export const gbnfSchema = z
  .string({ error: 'a grammar as text' })
  .min(1, { error: 'a grammar, which is not empty' })
export const jsonSchemaSchema = z.custom<JsonSchema>(
  (value) =>
    typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value)),
  { error: 'a JSON Schema: an object, true or false' },
)

/** The options that say what a text must be. */
export const grammarSchemas = {
  grammar: gbnfSchema.optional(),
  format: formatSchema.optional(),
  schema: jsonSchemaSchema.optional(),
} as const

interface Wanted {
  readonly grammar: string | undefined
  readonly format: 'text' | 'json' | undefined
  readonly schema: JsonSchema | undefined
  readonly stop: readonly string[]
}

/**
 * What the options ask for as one grammar; undefined where any text will do.
 * @throws OpenElmError E_USAGE for options that exclude each other, E_GRAMMAR for a schema that cannot be followed
 */
export function grammarOf({ grammar, format, schema, stop }: Wanted): string | undefined {
  const json = format === 'json' || schema !== undefined
  if (grammar === undefined && !json) return undefined
  if (grammar !== undefined && json) {
    throw excludes(
      `grammar and ${schema === undefined ? 'format' : 'schema'}`,
      'Each says what the whole text must be.',
    )
  }
  if (schema !== undefined && format === 'text') {
    throw excludes('schema and the format text', 'A schema describes JSON.')
  }
  if (stop.length > 0) {
    const name = grammar !== undefined ? 'grammar' : schema !== undefined ? 'schema' : 'format'
    throw excludes(`stop and ${name}`, 'A text cut at a stop string would not be what was asked for.')
  }
  if (grammar !== undefined) return grammar
  return schema === undefined ? jsonGrammar() : schemaToGbnf(schema)
}

const excludes = (what: string, why: string) =>
  new OpenElmError('E_USAGE', `The options ${what} exclude each other.`, {
    why,
    next: 'Leave one of them out.',
  })

/** Grammars kept for each tokenizer: those of a batch or a server are few and come again and again. */
const MOST_KEPT = 32
const kept = new WeakMap<NativeTokenizer, Map<string, NativeGrammar>>()

/** The grammar for a tokenizer's vocabulary. @throws OpenElmError E_GRAMMAR */
export function compileGrammar(tokenizer: NativeTokenizer, gbnf: string): NativeGrammar {
  const known = kept.get(tokenizer) ?? new Map<string, NativeGrammar>()
  kept.set(tokenizer, known)
  const grammar = known.get(gbnf) ?? make(tokenizer, gbnf)
  // The one used last comes last.
  known.delete(gbnf)
  known.set(gbnf, grammar)
  const [oldest] = known.keys()
  if (known.size > MOST_KEPT && oldest !== undefined) known.delete(oldest)
  return grammar
}

function make(tokenizer: NativeTokenizer, gbnf: string): NativeGrammar {
  const { Grammar } = loadNative()
  try {
    return new Grammar(tokenizer, gbnf)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'GRAMMAR')) throw error
    const [, place, why = error.message] = error.message.match(/^(\d+:\d+): (.*)$/s) ?? []
    throw new OpenElmError(
      'E_GRAMMAR',
      `The grammar cannot be used${place ? `: see line:column ${place}` : ''}.`,
      {
        why: `${why}.`,
        next: 'Correct it; docs/run.md describes the language.',
        cause: error,
      },
    )
  }
}
