import { below, schemaError } from './schema-error.js'

/** A JSON Schema: true allows everything, false nothing. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }
/** A schema that is an object. */
export type SchemaObject = { readonly [keyword: string]: unknown }

/** A schema and where it stands in its document. */
export interface Placed {
  readonly schema: SchemaObject
  readonly at: string
}

export const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const
export type TypeName = (typeof TYPES)[number]

/** Keywords that say nothing about what is valid. */
const ANNOTATIONS = new Set([
  ...['title', 'description', 'default', 'examples', 'example', 'deprecated', 'readOnly', 'writeOnly'],
  ...['$schema', '$id', 'id', '$comment', '$defs', 'definitions', '$vocabulary'],
])

/** Which type each keyword is about; those of '' are about any. */
export const KEYWORDS: Readonly<Record<string, TypeName | ''>> = {
  ...{ type: '', enum: '', const: '', anyOf: '', oneOf: '', allOf: '', $ref: '', nullable: '' },
  ...{ properties: 'object', required: 'object', additionalProperties: 'object' },
  ...{ items: 'array', prefixItems: 'array', additionalItems: 'array', minItems: 'array', maxItems: 'array' },
  ...{ minLength: 'string', maxLength: 'string', pattern: 'string', format: 'string' },
  ...{ minimum: 'number', maximum: 'number', exclusiveMinimum: 'number', exclusiveMaximum: 'number' },
}

/** Keywords that do nothing with one value. */
const HARMLESS: Readonly<Record<string, unknown>> = {
  uniqueItems: false,
  minProperties: 0,
  minContains: 0,
  unevaluatedProperties: true,
  unevaluatedItems: true,
  propertyNames: true,
}

export const isObject = (value: unknown): value is SchemaObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The keywords of a schema that say something. @throws OpenElmError for one that is not known */
export function keywordsOf({ schema, at }: Placed): SchemaObject {
  const known: [string, unknown][] = []
  for (const [keyword, value] of Object.entries(schema)) {
    if (ANNOTATIONS.has(keyword) || (keyword in HARMLESS && HARMLESS[keyword] === value)) continue
    if (!Object.hasOwn(KEYWORDS, keyword)) {
      throw schemaError(below(at, keyword), `The keyword "${keyword}" is not supported.`)
    }
    known.push([keyword, value])
  }
  return Object.fromEntries(known)
}

/** What stands at a place, as a schema. @throws OpenElmError */
export function asSchema(value: unknown, at: string): JsonSchema {
  if (typeof value === 'boolean' || isObject(value)) return value
  throw schemaError(at, 'A schema is an object, true or false.')
}

/** The types that a schema names, or that its keywords are about; undefined for any. */
export function typesOf({ schema, at }: Placed): ReadonlySet<TypeName> | undefined {
  const { type } = schema
  if (type === undefined) {
    const about = new Set(Object.keys(schema).flatMap((keyword) => KEYWORDS[keyword] || []))
    return about.size > 0 ? about : undefined
  }
  const names = Array.isArray(type) ? type : [type]
  const unknown = names.find((name) => !TYPES.includes(name))
  if (unknown !== undefined || names.length === 0) {
    throw schemaError(below(at, 'type'), `A type is one of ${TYPES.join(', ')}.`)
  }
  return new Set([...names, ...(schema.nullable === true ? ['null' as const] : [])])
}

/** A whole number from 0 on, where the keyword is given. */
export function countOf({ schema, at }: Placed, keyword: string): number | undefined {
  const value = schema[keyword]
  if (value === undefined) return undefined
  if (Number.isInteger(value) && (value as number) >= 0) return value as number
  throw schemaError(below(at, keyword), `Expected a whole number from 0 on.`)
}

export function numberOf({ schema, at }: Placed, keyword: string): number | undefined {
  const value = schema[keyword]
  if (value === undefined) return undefined
  if (Number.isFinite(value)) return value as number
  throw schemaError(below(at, keyword), 'Expected a number.')
}

/** What a local reference names. @throws OpenElmError for one that leads nowhere, or elsewhere */
export function resolve(root: JsonSchema, reference: unknown, at: string): { value: unknown; at: string } {
  const place = below(at, '$ref')
  if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference)) {
    throw schemaError(place, 'Only references into the same schema are supported, such as "#/$defs/name".')
  }
  let value: unknown = root
  for (const key of reference.split('/').slice(1)) {
    const name = decode(key, place)
    const inside: unknown = value
    const holds = (Array.isArray(inside) || isObject(inside)) && Object.hasOwn(inside, name)
    const member = holds ? (inside as unknown as SchemaObject)[name] : undefined
    if (member === undefined) throw schemaError(place, `There is nothing at "${reference}".`)
    value = member
  }
  return { value, at: reference.replace(/\/$/, '') }
}

function decode(key: string, at: string): string {
  try {
    return decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    throw schemaError(at, 'The reference has a broken % escape.')
  }
}
