import { either, json, literal, type Rules } from './gbnf.js'
import type { Compile } from './json-schema.js'
import { asSchema, isObject, type JsonSchema, type Placed } from './schema.js'
import { below, schemaError } from './schema-error.js'
import { stringBut } from './strings.js'

/** Longest name that additional keys are told apart from. */
const MAX_NAME = 500

interface Property {
  /** Key, colon and value. */
  readonly pair: string
  readonly required: boolean
}

/** An object as GBNF, its properties in the order of the schema; undefined where a required one cannot be had. */
export function objectOf(placed: Placed, rules: Rules, compile: Compile): string | undefined {
  const { schema, at } = placed
  const { properties = {}, additionalProperties } = schema
  if (!isObject(properties)) throw schemaError(below(at, 'properties'), 'Expected an object.')
  const free =
    additionalProperties === undefined
      ? undefined
      : asSchema(additionalProperties, below(at, 'additionalProperties'))
  if (!('properties' in schema) && free === undefined && !('required' in schema)) return json.object(rules)
  const required = requiredOf(placed)
  const ws = json.space(rules)
  const members: Property[] = []
  const unnamed = [...required].filter((name) => !Object.hasOwn(properties, name))
  const named: [string, unknown, string][] = [
    ...Object.entries(properties).map(([name, value]): [string, unknown, string] => [
      name,
      value,
      below(at, 'properties', name),
    ]),
    ...unnamed.map((name): [string, unknown, string] => [
      name,
      free ?? true,
      below(at, 'additionalProperties'),
    ]),
  ]
  for (const [name, value, place] of named) {
    const rule = compile(value, place)
    if (rule !== undefined) {
      members.push({
        pair: `${literal(JSON.stringify(name))} ":" ${ws} ${rule}`,
        required: required.has(name),
      })
    } else if (required.has(name)) return undefined
  }
  const others = othersOf(
    free,
    named.map(([name]) => name),
    at,
    rules,
    compile,
  )
  return `"{" ${ws} ${inside(members, others, rules, ws)} "}"`
}

function requiredOf({ schema, at }: Placed): ReadonlySet<string> {
  const { required = [] } = schema
  if (Array.isArray(required) && required.every((name) => typeof name === 'string')) return new Set(required)
  throw schemaError(below(at, 'required'), 'Expected an array of names.')
}

/** A pair whose key the schema does not name; undefined where there is none. */
function othersOf(
  free: JsonSchema | undefined,
  names: readonly string[],
  at: string,
  rules: Rules,
  compile: Compile,
): string | undefined {
  if (free === undefined || free === false) return undefined
  const long = names.find((name) => name.length > MAX_NAME)
  if (long !== undefined) {
    throw schemaError(
      below(at, 'additionalProperties'),
      `A property's name has more than ${MAX_NAME} characters.`,
    )
  }
  const value = compile(free, below(at, 'additionalProperties'))
  if (value === undefined) return undefined
  const key = rules.define(rules.name('other-key'), stringBut(names, rules))
  return `${key} ":" ${json.space(rules)} ${value}`
}

/** What is between the braces. Whoever comes first has no comma before it. */
function inside(members: readonly Property[], others: string | undefined, rules: Rules, ws: string): string {
  const more = others === undefined ? '' : ` ("," ${ws} ${others})*`
  /** What may follow once something is there, from each member on. */
  const tails: string[] = Array.from({ length: members.length + 1 }, () => more)
  for (let i = members.length - 1; i >= 0; i--) {
    const { pair, required } = members[i] as Property
    const next = `"," ${ws} ${pair}`
    const rest = tails[i + 1] as string
    tails[i] = ` ${rules.define(rules.name('more'), `${required ? next : `(${next})?`}${rest}` || '""')}`
  }
  const firsts: string[] = []
  for (const [i, { pair, required }] of members.entries()) {
    firsts.push(`${pair}${tails[i + 1]}`)
    if (required) return `${either(firsts)} ${ws}`
  }
  if (others !== undefined) firsts.push(`${others}${more}`)
  return firsts.length === 0 ? '' : `(${either(firsts)} ${ws})?`
}
