import { asSchema, isObject, type JsonSchema, type Placed, type TypeName, typesOf } from './schema.js'
import { below, schemaError } from './schema-error.js'

const sameJson = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

const larger = (a: unknown, b: unknown) => Math.max(a as number, b as number)
const smaller = (a: unknown, b: unknown) => Math.min(a as number, b as number)

/** Both of two schemas, either of which may be missing. */
export const both = (a: JsonSchema | undefined, b: JsonSchema | undefined): JsonSchema => {
  if (a === undefined || a === true) return b ?? true
  if (b === undefined || b === true) return a
  if (a === false || b === false) return false
  return sameJson(a, b) ? a : { allOf: [a, b] }
}

const COMBINED: Readonly<Record<string, (a: unknown, b: unknown) => unknown>> = {
  minItems: larger,
  minLength: larger,
  minimum: larger,
  exclusiveMinimum: larger,
  maxItems: smaller,
  maxLength: smaller,
  maximum: smaller,
  exclusiveMaximum: smaller,
  required: (a, b) => [...new Set([...(a as unknown[]), ...(b as unknown[])])],
  enum: (a, b) => {
    const known = new Set((b as unknown[]).map((value) => JSON.stringify(value)))
    return (a as unknown[]).filter((value) => known.has(JSON.stringify(value)))
  },
  nullable: (a, b) => a === true && b === true,
}

const OBJECT_KEYWORDS = ['properties', 'additionalProperties']

/**
 * One schema that says what two say, for `allOf`, and for `anyOf` or `$ref` with something beside them. The parts of
 * parts are left as an `allOf`.
 * @throws OpenElmError where two keywords cannot be put together
 */
export function merge(a: Placed, b: Placed): Placed {
  const out: Record<string, unknown> = { ...a.schema }
  for (const [keyword, value] of Object.entries(b.schema)) {
    const before = out[keyword]
    if (before === undefined) out[keyword] = value
    else if (keyword === 'type') out.type = sharedTypes(a, b)
    else if (keyword === 'items' && !Array.isArray(value) && !Array.isArray(before)) {
      out.items = both(before as JsonSchema, value as JsonSchema)
    } else if (COMBINED[keyword]) out[keyword] = combined(keyword, before, value, b.at)
    else if (!sameJson(before, value) && !OBJECT_KEYWORDS.includes(keyword)) {
      throw schemaError(below(b.at, keyword), `It cannot be put together with the "${keyword}" at "${a.at}".`)
    }
  }
  if (OBJECT_KEYWORDS.some((keyword) => keyword in a.schema && keyword in b.schema) || crosses(a, b)) {
    mergeObjects(a, b, out)
  }
  return { schema: out, at: a.at }
}

/** Whether the properties of one meet the additionalProperties of the other. */
const crosses = ({ schema: a }: Placed, { schema: b }: Placed) =>
  ('properties' in a && 'additionalProperties' in b) || ('properties' in b && 'additionalProperties' in a)

function combined(keyword: string, a: unknown, b: unknown, at: string): unknown {
  const list = keyword === 'required' || keyword === 'enum'
  const fits = (value: unknown) =>
    list ? Array.isArray(value) : typeof value === 'number' || keyword === 'nullable'
  if (!fits(a) || !fits(b))
    throw schemaError(below(at, keyword), `Expected ${list ? 'an array' : 'a number'}.`)
  return COMBINED[keyword]?.(a, b)
}

function sharedTypes(a: Placed, b: Placed): readonly TypeName[] {
  const [first, second] = [typesOf(a) ?? new Set<TypeName>(), typesOf(b) ?? new Set<TypeName>()]
  const shared = new Set<TypeName>()
  for (const type of first) {
    if (second.has(type)) shared.add(type)
    if (type === 'integer' && second.has('number')) shared.add('integer')
    if (type === 'number' && second.has('integer')) shared.add('integer')
  }
  if (shared.size === 0) throw schemaError(below(b.at, 'type'), `It excludes the type at "${a.at}".`)
  return [...shared]
}

/** A property that only one of them names must satisfy what the other says of additional ones. */
function mergeObjects(a: Placed, b: Placed, out: Record<string, unknown>): void {
  const [first, second] = [propertiesOf(a), propertiesOf(b)]
  const properties: Record<string, unknown> = {}
  for (const name of new Set([...Object.keys(first.named), ...Object.keys(second.named)])) {
    const one = Object.hasOwn(first.named, name) ? first.named[name] : first.others
    const other = Object.hasOwn(second.named, name) ? second.named[name] : second.others
    // Not an assignment, which would take __proto__ for something else.
    Object.defineProperty(properties, name, { value: both(one, other), enumerable: true })
  }
  out.properties = properties
  if (first.others !== undefined || second.others !== undefined) {
    out.additionalProperties = both(first.others, second.others)
  }
}

function propertiesOf({ schema, at }: Placed): {
  named: Readonly<Record<string, JsonSchema>>
  others: JsonSchema | undefined
} {
  const { properties = {}, additionalProperties: others } = schema
  if (!isObject(properties)) throw schemaError(below(at, 'properties'), 'Expected an object.')
  for (const [name, value] of Object.entries(properties)) asSchema(value, below(at, 'properties', name))
  return {
    named: properties as Readonly<Record<string, JsonSchema>>,
    others: others === undefined ? undefined : asSchema(others, below(at, 'additionalProperties')),
  }
}
