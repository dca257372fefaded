import { type CodeSet, codesOf, complement } from './code-set.js'
import { either, json, literal, oneOf, plainOf, type Rules, times } from './gbnf.js'
import { RegexError, regexToGbnf } from './regex.js'
import { countOf, type Placed } from './schema.js'
import { below, schemaError } from './schema-error.js'

const MAX_LENGTH = 10_000

const DAYS =
  '((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))'
const DATE = `\\d{4}-${DAYS}`
const TIME = '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)'

/** The formats that are followed. 29 February is left out: whether there is one depends on the year. */
export const FORMATS: Readonly<Record<string, string>> = {
  date: `^${DATE}$`,
  time: `^${TIME}$`,
  'date-time': `^${DATE}T${TIME}$`,
  uuid: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
}

/** A string of a schema as GBNF. @throws OpenElmError */
export function stringOf(placed: Placed, rules: Rules): string {
  const { schema, at } = placed
  const [least, most] = [countOf(placed, 'minLength'), countOf(placed, 'maxLength')]
  const pattern = patternOf(placed)
  if (pattern === undefined) return lengthOnly(placed, least ?? 0, most, rules)
  if (least !== undefined || most !== undefined) {
    const keyword = least === undefined ? 'maxLength' : 'minLength'
    throw schemaError(
      below(at, keyword),
      `${keyword} cannot be combined with ${schema.pattern === undefined ? 'a format' : 'a pattern'}.`,
      'Say the length in the pattern, such as ^[a-z]{2,8}$.',
    )
  }
  return `"\\"" ${pattern} "\\""`
}

function lengthOnly({ at }: Placed, least: number, most: number | undefined, rules: Rules): string {
  if (least === 0 && most === undefined) return json.string(rules)
  if (least > MAX_LENGTH || (most ?? 0) > MAX_LENGTH) {
    throw schemaError(
      below(at, least > MAX_LENGTH ? 'minLength' : 'maxLength'),
      `Lengths are at most ${MAX_LENGTH}.`,
      'Give a smaller one, or leave it out: no text is longer than the context.',
    )
  }
  if (most !== undefined && most < least)
    throw schemaError(below(at, 'maxLength'), 'It is less than minLength.')
  return `"\\"" ${times(json.character(rules), least, most ?? Number.POSITIVE_INFINITY)} "\\""`
}

/** What is between the quotes, where a pattern or a format says. */
function patternOf({ schema, at }: Placed): string | undefined {
  const { pattern, format } = schema
  if (format !== undefined) {
    const known = Object.hasOwn(FORMATS, String(format)) ? FORMATS[String(format)] : undefined
    if (known === undefined) {
      throw schemaError(
        below(at, 'format'),
        `The format ${JSON.stringify(format)} is not one of ${Object.keys(FORMATS).join(', ')}.`,
      )
    }
    if (pattern !== undefined) throw schemaError(below(at, 'format'), 'It cannot be combined with a pattern.')
    return regexToGbnf(known)
  }
  if (pattern === undefined) return undefined
  if (typeof pattern !== 'string') throw schemaError(below(at, 'pattern'), 'Expected a regular expression.')
  try {
    return regexToGbnf(pattern)
  } catch (error) {
    if (error instanceof RegexError) throw schemaError(below(at, 'pattern'), error.message)
    throw error
  }
}

/**
 * A string, escapes aside, that is none of some texts: the keys that are left for additional properties.
 * Texts that need an escape cannot come up here anyway.
 */
export function stringBut(texts: readonly string[], rules: Rules): string {
  const plain = plainOf(complement([]))
  const rest = `${oneOf(plain)}*`
  /** What may follow where `tails` are what is left of the texts. */
  const after = (tails: readonly string[]): string | undefined => {
    if (tails.length === 0) return rest
    const first = new Map<string, string[]>()
    for (const tail of tails.filter((text) => text !== '')) {
      const [char = ''] = tail
      first.set(char, [...(first.get(char) ?? []), tail.slice(char.length)])
    }
    const others: CodeSet = plainOf(complement(codesOf([...first.keys()].join(''))))
    const branches = [...first].map(([char, tail]) => `${literal(char)} ${after(tail)}`)
    const all = [...branches, `${oneOf(others)} ${rest}`]
    return rules.define(rules.name('key'), tails.includes('') ? all.join(' | ') : `(${all.join(' | ')})?`)
  }
  const writable = texts.filter((text) => JSON.stringify(text).slice(1, -1) === text)
  return `"\\"" ${either([after(writable) ?? rest])} "\\""`
}
