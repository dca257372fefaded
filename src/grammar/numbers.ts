import { either, json, type Rules } from './gbnf.js'
import { integers, naturals } from './integers.js'
import { numberOf, type Placed } from './schema.js'
import { below, schemaError } from './schema-error.js'

/** Whole numbers that a double holds exactly. */
const MAX_SAFE = Number.MAX_SAFE_INTEGER
/** Beyond this a fraction of six digits may round to the next whole number. */
const MAX_WITH_FRACTION = 1e8

interface Bounds {
  readonly least: number
  readonly most: number
  /** The same for whole numbers, exclusive bounds included. */
  readonly leastWhole: number
  readonly mostWhole: number
}

/** Undefined where the schema has no bounds. Both kinds of a bound may be given: the tighter counts. */
function boundsOf(placed: Placed): Bounds | undefined {
  const [minimum, maximum, above, below] = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'].map(
    (keyword) => numberOf(placed, keyword),
  )
  if ([minimum, maximum, above, below].every((bound) => bound === undefined)) return undefined
  const high = Number.POSITIVE_INFINITY
  return {
    least: Math.max(minimum ?? -high, above ?? -high),
    most: Math.min(maximum ?? high, below ?? high),
    leastWhole: Math.max(Math.ceil(minimum ?? -MAX_SAFE), Math.floor(above ?? -MAX_SAFE - 1) + 1, -MAX_SAFE),
    mostWhole: Math.min(Math.floor(maximum ?? MAX_SAFE), Math.ceil(below ?? MAX_SAFE + 1) - 1, MAX_SAFE),
  }
}

const wholes = ({ leastWhole, mostWhole }: Bounds): string | undefined =>
  leastWhole > mostWhole ? undefined : integers(BigInt(leastWhole), BigInt(mostWhole))

/** @throws OpenElmError where no whole number is within the bounds */
export function integerOf(placed: Placed, rules: Rules): string {
  const bounds = boundsOf(placed)
  if (!bounds) return json.integer(rules)
  return wholes(bounds) ?? fail(placed, 'No whole number is within the bounds.')
}

/**
 * Within bounds: the whole numbers there, and fractions between two of them, with at most six digits.
 * @throws OpenElmError where that leaves nothing
 */
export function numberExpression(placed: Placed, rules: Rules): string {
  const bounds = boundsOf(placed)
  if (!bounds) return json.number(rules)
  const parts = [wholes(bounds), fractions(bounds, 1), fractions(bounds, -1)].filter(
    (part) => part !== undefined,
  )
  return parts.length > 0
    ? either(parts)
    : fail(placed, 'Bounds without a whole number between them are not supported.')
}

/** Fractions of a sign whose neighbours, away from zero and towards it, are both within the bounds. */
function fractions({ least, most }: Bounds, sign: 1 | -1): string | undefined {
  const [low, high] = sign > 0 ? [least, most] : [-most, -least]
  const from = Math.max(0, Math.ceil(low))
  const to = Math.min(Math.floor(high), MAX_WITH_FRACTION) - 1
  if (from > to) return undefined
  return `${sign < 0 ? '"-" ' : ''}${naturals(BigInt(from), BigInt(to))} "." [0-9]{0,5} [1-9]`
}

function fail(placed: Placed, why: string): never {
  const keyword = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'].find(
    (name) => name in placed.schema,
  )
  throw schemaError(below(placed.at, keyword ?? 'type'), why)
}
