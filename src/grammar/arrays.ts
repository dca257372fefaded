import { json, type Rules, times } from './gbnf.js'
import type { Compile } from './json-schema.js'
import { countOf, type Placed } from './schema.js'
import { below, schemaError } from './schema-error.js'

const MAX_ITEMS = 10_000

/** An array as GBNF; undefined where the items it must have cannot be had. */
export function arrayOf(placed: Placed, rules: Rules, compile: Compile): string | undefined {
  const { schema, at } = placed
  const [least, most] = [
    countOf(placed, 'minItems') ?? 0,
    countOf(placed, 'maxItems') ?? Number.POSITIVE_INFINITY,
  ]
  const long =
    least > MAX_ITEMS
      ? 'minItems'
      : most > MAX_ITEMS && most !== Number.POSITIVE_INFINITY
        ? 'maxItems'
        : undefined
  if (long)
    throw schemaError(
      below(at, long),
      `Arrays have at most ${MAX_ITEMS} items.`,
      'Give a smaller one, or leave it out.',
    )
  if (most < least) throw schemaError(below(at, 'maxItems'), 'It is less than minItems.')
  const ws = json.space(rules)
  // Before 2020 a list of `items` was what `prefixItems` is now, and `additionalItems` what `items` is.
  const old = Array.isArray(schema.items)
  const [first, restKeyword] = old ? ['items', 'additionalItems'] : ['prefixItems', 'items']
  const heads = schema[first] ?? []
  if (!Array.isArray(heads)) throw schemaError(below(at, first), 'Expected an array of schemas.')
  const items = heads.slice(0, most).map((value, i) => compile(value, below(at, first, i)))
  const possible = items.includes(undefined) ? items.indexOf(undefined) : items.length
  const blocked = possible < items.length
  // More items than are described are written only where the schema says what they are, or so many are wanted.
  const described = restKeyword in schema
  const rest =
    blocked || (heads.length > 0 && !described && least <= heads.length)
      ? undefined
      : compile(described ? schema[restKeyword] : true, below(at, restKeyword))
  const enough = rest === undefined ? possible : Number.POSITIVE_INFINITY
  if (enough < least) return undefined
  const known = items.slice(0, possible) as string[]
  // From the last item to the first: what may follow the items before.
  let tail = rest === undefined ? '' : following(rest, known.length, least, most, ws)
  for (let i = known.length - 1; i >= 0; i--) {
    const item = `${i > 0 ? `"," ${ws} ` : ''}${known[i]}${tail === '' ? '' : ` ${tail}`}`
    tail = rules.define(rules.name('items'), i < least ? item : `(${item})?`)
  }
  return tail === '' ? `"[" ${ws} "]"` : `"[" ${ws} ${tail} ${ws} "]"`
}

/** The items after the first `before`, of which any number between the bounds may be. */
function following(item: string, before: number, least: number, most: number, ws: string): string {
  if (most <= before) return ''
  const next = `"," ${ws} ${item}`
  if (before > 0) return times(next, Math.max(0, least - before), most - before)
  const all = `${item} ${times(next, Math.max(0, least - 1), most - 1)}`
  return least > 0 ? all : `(${all})?`
}
