import { arrayOf } from './arrays.js'
import { disjoint } from './disjoint.js'
import { either, json, literal, Rules } from './gbnf.js'
import { merge } from './merge.js'
import { integerOf, numberExpression } from './numbers.js'
import { objectOf } from './objects.js'
import {
  asSchema,
  isObject,
  type JsonSchema,
  keywordsOf,
  type Placed,
  resolve,
  TYPES,
  type TypeName,
  typesOf,
} from './schema.js'
import { below, schemaError } from './schema-error.js'
import { stringOf } from './strings.js'

export type { JsonSchema }

const MAX_DEPTH = 200
const MAX_RULES = 20_000
/** How often parts are put together: references let a short schema ask for it without end. */
const MAX_MERGES = 100_000
const MAX_ONE_OF = 200

/** Makes the rule of what stands at a place and returns its name; undefined where nothing is valid. */
export type Compile = (schema: unknown, at: string) => string | undefined

/** JSON values of any kind; objects, for `--format json` and OpenAI's `json_object`. */
export function jsonGrammar(): string {
  const rules = new Rules()
  rules.define(rules.name('root'), json.object(rules))
  return rules.toString()
}

/**
 * A grammar (GBNF) of JSON texts that are valid under a JSON Schema. Not every valid text is in it: properties come in the
 * order of the schema, there is little white space, and keys that the schema does not name come up only where
 * `additionalProperties` is given.
 * @throws OpenElmError E_GRAMMAR, naming the place as a JSON pointer, for what cannot be followed
 */
export function schemaToGbnf(schema: unknown): string {
  return new Compiler(asSchema(schema, '#')).run()
}

class Compiler {
  readonly #root: JsonSchema
  readonly #rules = new Rules()
  /** Rules of schemas, of merged ones by what was merged. */
  readonly #names = new Map<object | string, string | undefined>()
  #depth = 0
  #merges = 0

  constructor(root: JsonSchema) {
    this.#root = root
  }

  run(): string {
    const root = this.#rules.name('root')
    const name = this.#compile(this.#root, '#')
    if (name === undefined) throw schemaError('#', 'No value is valid under it.')
    this.#rules.define(root, name)
    return this.#rules.toString()
  }

  #compile: Compile = (value, at) => {
    const schema = asSchema(value, at)
    if (schema === false) return undefined
    if (schema === true) return json.value(this.#rules)
    // What merging leaves is made anew each time.
    const key = 'allOf' in schema ? JSON.stringify(schema) : schema
    if (this.#names.has(key)) return this.#names.get(key)
    if (++this.#depth > MAX_DEPTH) throw schemaError(at, `Schemas are nested more than ${MAX_DEPTH} deep.`)
    if (this.#rules.size > MAX_RULES) throw schemaError(at, `The schema takes more than ${MAX_RULES} rules.`)
    const name = this.#rules.name(at.split('/').at(-1) ?? '')
    // Known before its parts, which may refer to it.
    this.#names.set(key, name)
    const expression = this.#expression({ schema, at })
    this.#depth--
    if (expression === undefined) {
      this.#names.set(key, undefined)
      this.#rules.define(name, nothing(name))
      return undefined
    }
    return this.#rules.define(name, expression)
  }

  /** With references followed and `allOf` put together; undefined for `false`. */
  #flat(placed: Placed, seen: readonly string[] = []): Placed | undefined {
    if (++this.#merges > MAX_MERGES) {
      throw schemaError(placed.at, 'References multiply: the schema is too large once they are followed.')
    }
    const { allOf, $ref, ...own } = keywordsOf(placed)
    let flat: Placed = { schema: own, at: placed.at }
    const parts: { value: unknown; at: string }[] = []
    if ($ref !== undefined) {
      const target = resolve(this.#root, $ref, placed.at)
      if (seen.includes(target.at))
        throw schemaError(below(placed.at, '$ref'), 'The reference leads back to itself.')
      parts.push(target)
    }
    if (allOf !== undefined) {
      const place = below(placed.at, 'allOf')
      parts.push(...listOf(allOf, place).map((value, i) => ({ value, at: below(place, i) })))
    }
    for (const { value, at } of parts) {
      const schema = asSchema(value, at)
      if (schema === true) continue
      if (schema === false) return undefined
      const path = $ref === undefined ? seen : [...seen, at]
      if (path.length > MAX_DEPTH) throw schemaError(at, 'References follow one another too far.')
      const part = this.#flat({ schema, at }, path)
      if (!part) return undefined
      flat = Object.keys(flat.schema).length === 0 ? part : merge(flat, part)
    }
    return flat
  }

  #follow = (value: unknown, at: string): Placed | undefined => {
    const schema = asSchema(value, at)
    return typeof schema === 'boolean' ? undefined : this.#flat({ schema, at })
  }

  #expression(placed: Placed): string | undefined {
    const flat = this.#flat(placed)
    if (!flat) return undefined
    const { anyOf, oneOf, ...rest } = flat.schema
    if (anyOf !== undefined || oneOf !== undefined) {
      if (anyOf !== undefined && oneOf !== undefined) {
        throw schemaError(below(flat.at, 'oneOf'), 'anyOf and oneOf cannot be combined.')
      }
      return this.#branches(
        { schema: rest, at: flat.at },
        anyOf === undefined ? 'oneOf' : 'anyOf',
        anyOf ?? oneOf,
      )
    }
    if ('enum' in rest || 'const' in rest) return this.#constants({ schema: rest, at: flat.at })
    return this.#types(flat)
  }

  #branches(base: Placed, keyword: 'anyOf' | 'oneOf', value: unknown): string | undefined {
    const place = below(base.at, keyword)
    const branches = listOf(value, place).flatMap((branch, i) => {
      const schema = asSchema(branch, below(place, i))
      if (schema === false) return []
      const own = { schema: schema === true ? {} : schema, at: below(place, i) }
      const flat = this.#flat(own)
      if (!flat) return []
      const alone = Object.keys(base.schema).length === 0
      return [{ own, flat: alone ? flat : merge({ ...base, at: own.at }, flat), alone }]
    })
    if (keyword === 'oneOf')
      this.#assertDisjoint(
        branches.map(({ flat }) => flat),
        place,
      )
    const names = branches.map(({ own, flat, alone }) =>
      alone ? this.#compile(own.schema, own.at) : this.#compile(flat.schema, own.at),
    )
    const valid = names.filter((name) => name !== undefined)
    return valid.length === 0 ? undefined : either(valid)
  }

  #assertDisjoint(branches: readonly Placed[], place: string): void {
    if (branches.length > MAX_ONE_OF) throw schemaError(place, `It has more than ${MAX_ONE_OF} branches.`)
    branches.forEach((one, i) => {
      const other = branches.findIndex((later, j) => j > i && !disjoint(one, later, this.#follow))
      if (other < 0) return
      throw schemaError(
        place,
        `A value may satisfy both branch ${i} and branch ${other}, which oneOf forbids.`,
        'Use anyOf, or tell them apart by type or by a required property with a const.',
      )
    })
  }

  #constants({ schema, at }: Placed): string | undefined {
    const { enum: given, const: constant, ...others } = schema
    const values = given === undefined ? [constant] : listOf(given, below(at, 'enum'))
    const same = (value: unknown) => JSON.stringify(value) === JSON.stringify(constant)
    const types = 'type' in others ? typesOf({ schema: others, at }) : undefined
    const beside = Object.keys(others).find((keyword) => keyword !== 'type' && keyword !== 'nullable')
    if (beside !== undefined) {
      throw schemaError(below(at, beside), `${beside} cannot be combined with enum or const.`)
    }
    const valid = values.filter(
      (value) => (!('const' in schema) || same(value)) && (!types || hasType(value, types)),
    )
    if (valid.length === 0) return undefined
    return either([...new Set(valid.map((value) => literal(JSON.stringify(value))))])
  }

  #types(flat: Placed): string | undefined {
    const types = typesOf(flat)
    if (!types) return json.value(this.#rules)
    const expressions = TYPES.filter(
      (type) => types.has(type) && !(type === 'integer' && types.has('number')),
    )
      .map((type) => this.#ofType(type, flat))
      .filter((expression) => expression !== undefined)
    return expressions.length === 0 ? undefined : either(expressions.map((one) => `(${one})`))
  }

  #ofType(type: TypeName, flat: Placed): string | undefined {
    switch (type) {
      case 'object':
        return objectOf(flat, this.#rules, this.#compile)
      case 'array':
        return arrayOf(flat, this.#rules, this.#compile)
      case 'string':
        return stringOf(flat, this.#rules)
      case 'number':
        return numberExpression(flat, this.#rules)
      case 'integer':
        return integerOf(flat, this.#rules)
      case 'boolean':
        return json.boolean(this.#rules)
      case 'null':
        return '"null"'
    }
  }
}

/** The rule of what no value satisfies, in case something refers to it: it never ends. */
const nothing = (name: string) => `"!" ${name}`

function hasType(value: unknown, types: ReadonlySet<TypeName>): boolean {
  if (value === null) return types.has('null')
  if (Array.isArray(value)) return types.has('array')
  if (isObject(value)) return types.has('object')
  if (Number.isInteger(value) && types.has('integer')) return true
  return types.has(typeof value as TypeName)
}

/** The members of a list of schemas or values that is not empty. */
function listOf(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value
  throw schemaError(at, 'Expected an array of at least one.')
}
