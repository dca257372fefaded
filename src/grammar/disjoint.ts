import { isObject, type Placed, type TypeName, typesOf } from './schema.js'

/** How a schema's references are followed. */
export type Follow = (schema: unknown, at: string) => Placed | undefined

const MAX_DEPTH = 8

const constants = ({ schema }: Placed): readonly string[] | undefined => {
  if ('const' in schema) return [JSON.stringify(schema.const)]
  return Array.isArray(schema.enum) ? schema.enum.map((value) => JSON.stringify(value)) : undefined
}

const typeOfJson = (text: string): TypeName => {
  const value: unknown = JSON.parse(text)
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value as TypeName
}

const overlaps = (a: TypeName, b: TypeName) =>
  a === b || (a === 'integer' && b === 'number') || (a === 'number' && b === 'integer')

/**
 * Whether no value satisfies both schemas, as far as their types, constants, and the properties they require tell; false
 * where that cannot be told. `oneOf` needs it: a value of two of its branches is not valid.
 */
export function disjoint(a: Placed, b: Placed, follow: Follow, depth = 0): boolean {
  const [first, second] = [constants(a), constants(b)]
  if (first && second) return first.every((value) => !second.includes(value))
  const types = ({ schema, at }: Placed, known: readonly string[] | undefined) =>
    known ? new Set(known.map(typeOfJson)) : schema.type === undefined ? undefined : typesOf({ schema, at })
  const [ones, others] = [types(a, first), types(b, second)]
  if (!ones || !others) return false
  if (![...ones].some((one) => [...others].some((other) => overlaps(one, other)))) return true
  const objects = ones.size === 1 && ones.has('object') && others.size === 1 && others.has('object')
  if (!objects || depth > MAX_DEPTH) return false
  return excludes(a, b) || excludes(b, a) || propertiesDiffer(a, b, follow, depth)
}

/** Whether one requires a property that the other forbids. */
function excludes(a: Placed, b: Placed): boolean {
  const { required } = a.schema
  const { properties, additionalProperties } = b.schema
  if (!Array.isArray(required) || additionalProperties !== false) return false
  return required.some((name) => !isObject(properties) || !Object.hasOwn(properties, name))
}

/** Whether a property that both require cannot satisfy both. */
function propertiesDiffer(a: Placed, b: Placed, follow: Follow, depth: number): boolean {
  const [first, second] = [a.schema.required, b.schema.required]
  const [ones, others] = [a.schema.properties, b.schema.properties]
  if (!Array.isArray(first) || !Array.isArray(second) || !isObject(ones) || !isObject(others)) return false
  return first.some((name) => {
    if (!second.includes(name) || !Object.hasOwn(ones, name) || !Object.hasOwn(others, name)) return false
    const [one, other] = [follow(ones[name], a.at), follow(others[name], b.at)]
    return one !== undefined && other !== undefined && disjoint(one, other, follow, depth + 1)
  })
}
