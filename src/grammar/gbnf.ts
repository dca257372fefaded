import { type CodeSet, codesOf, intersect, without } from './code-set.js'

/** A character inside a literal or a class. */
function written(code: number): string {
  const char = String.fromCodePoint(code)
  if (/[A-Za-z0-9 _:;,.<>=!?{}()|/*+&%$#@~`']/.test(char)) return char
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\U${code.toString(16).padStart(8, '0')}`
}

/** A text as a literal. Lone surrogates, which UTF-8 cannot say, count as U+FFFD. */
export const literal = (text: string): string =>
  `"${[...text.replace(/\p{Surrogate}/gu, '\ufffd')].map((char) => written(char.codePointAt(0) ?? 0)).join('')}"`

/** One character out of a set, which is not empty. */
export const oneOf = (set: CodeSet): string =>
  `[${set.map(([low, high]) => (low === high ? written(low) : `${written(low)}-${written(high)}`)).join('')}]`

/** An expression a number of times; Infinity is any. */
export function times(expression: string, least: number, most: number): string {
  if (most === 0) return '""'
  if (least === 1 && most === 1) return expression
  const item = /^([\w-]+|\[[^\]]*\]|"[^"]*")$/.test(expression) ? expression : `(${expression})`
  if (most === Number.POSITIVE_INFINITY)
    return `${item}${least === 0 ? '*' : least === 1 ? '+' : `{${least},}`}`
  if (least === 0 && most === 1) return `${item}?`
  return `${item}{${least === most ? least : `${least},${most}`}}`
}

/** Alternatives as one item. */
export const either = (expressions: readonly string[]): string =>
  expressions.length === 1 ? (expressions[0] as string) : `(${expressions.join(' | ')})`

/** The rules of a grammar as they are made. */
export class Rules {
  readonly #rules = new Map<string, string>()
  readonly #used = new Map<string, number>()

  get size(): number {
    return this.#used.size
  }

  /** A name nobody has, like the hint. */
  name(hint: string): string {
    const plain =
      hint
        .replace(/[^A-Za-z0-9]+/g, '-')
        .replace(/^-|-$/g, '')
        .slice(0, 32) || 'rule'
    const count = this.#used.get(plain) ?? 0
    this.#used.set(plain, count + 1)
    if (count === 0) return plain
    return this.name(`${plain}-${count + 1}`)
  }

  define(name: string, expression: string): string {
    this.#rules.set(name, expression)
    return name
  }

  /** A rule that is the same wherever it is wanted. */
  shared(name: string, make: () => string): string {
    if (!this.#rules.has(name)) {
      this.#used.set(name, 1)
      // Known before it is made, as it may refer to itself.
      this.#rules.set(name, '""')
      this.#rules.set(name, make())
    }
    return name
  }

  toString(): string {
    return [...this.#rules].map(([name, expression]) => `${name} ::= ${expression}\n`).join('')
  }
}

/** What JSON strings cannot hold as it is. */
const ESCAPED = codesOf(`"\\${Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('')}`)
const SURROGATES: CodeSet = [[0xd800, 0xdfff]]
const SHORT: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '\b': 'b',
  '\f': 'f',
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
}

/** The characters that stand for themselves in a JSON string. */
export const plainOf = (set: CodeSet): CodeSet => without(without(set, ESCAPED), SURROGATES)

/** One character of a set as a JSON string writes it; undefined when the set has none that can be written. */
export function jsonCharacter(set: CodeSet): string | undefined {
  const plain = plainOf(set)
  const parts = plain.length > 0 ? [oneOf(plain)] : []
  for (const [low, high] of intersect(set, ESCAPED)) {
    for (let code = low; code <= high; code++) {
      const short = SHORT[String.fromCharCode(code)]
      parts.push(literal(short ? `\\${short}` : `\\u${code.toString(16).padStart(4, '0')}`))
    }
  }
  return parts.length === 0 ? undefined : either(parts)
}

/** Rules that JSON texts have in common. */
export const json = {
  /** Optional white space, kept short: models that have nothing to say are fond of it. */
  space: (rules: Rules) => rules.shared('ws', () => String.raw`(" " | "\n" " "{0,20})?`),
  /** One character of a string, or its escape. Halves of surrogate pairs are not characters. */
  character: (rules: Rules) =>
    rules.shared(
      'char',
      () =>
        String.raw`[^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" ([0-9A-Ca-cEFef] [0-9A-Fa-f]{3} | [Dd] [0-7] [0-9A-Fa-f]{2}))`,
    ),
  string: (rules: Rules) => rules.shared('string', () => `"\\"" ${json.character(rules)}* "\\""`),
  integer: (rules: Rules) => rules.shared('integer', () => '"-"? ("0" | [1-9] [0-9]{0,14})'),
  /** Finite once parsed. */
  number: (rules: Rules) =>
    rules.shared('number', () => `${json.integer(rules)} ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?`),
  boolean: (rules: Rules) => rules.shared('boolean', () => '"true" | "false"'),
  value: (rules: Rules): string =>
    rules.shared(
      'value',
      () =>
        `${json.object(rules)} | ${json.array(rules)} | ${json.string(rules)} | ${json.number(rules)} | ${json.boolean(rules)} | "null"`,
    ),
  object: (rules: Rules): string =>
    rules.shared('object', () => {
      const ws = json.space(rules)
      const pair = `${json.string(rules)} ":" ${ws} ${json.value(rules)}`
      return `"{" ${ws} (${pair} ("," ${ws} ${pair})* ${ws})? "}"`
    }),
  array: (rules: Rules): string =>
    rules.shared('array', () => {
      const ws = json.space(rules)
      const value = json.value(rules)
      return `"[" ${ws} (${value} ("," ${ws} ${value})* ${ws})? "]"`
    }),
}
