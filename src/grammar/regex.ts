import { type CodeRange, type CodeSet, codeSet, codesOf, complement, MAX_CODE } from './code-set.js'
import { either, jsonCharacter, times } from './gbnf.js'

const DIGITS: CodeSet = codeSet([[0x30, 0x39]])
const WORD: CodeSet = codeSet([...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]])
const SPACE = codesOf(
  '\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff',
)
const NOT_DOT = codesOf('\n\r\u2028\u2029')
const EVERYTHING: CodeSet = [[0, MAX_CODE]]

const CLASSES: Readonly<Record<string, CodeSet>> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
}
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 }

const MAX_COUNT = 10_000
const MAX_DEPTH = 100
const MAX_LENGTH = 2000

/** Why a regular expression is not one of the subset, which is told with its place. */
export class RegexError extends Error {}

/**
 * The inside of a JSON string that a regular expression (of JavaScript, with the flag `u`) matches, as GBNF. Known are
 * characters, classes, `.`, groups, alternatives, greedy and lazy quantifiers, and `^` and `$` at the ends; without
 * those anything may come before or after, as in JavaScript.
 * @throws RegexError
 */
export function regexToGbnf(pattern: string): string {
  return new Parser(pattern).parse()
}

class Parser {
  readonly #chars: readonly string[]
  #at = 0
  #depth = 0

  constructor(pattern: string) {
    if (pattern.length > MAX_LENGTH)
      throw new RegexError(`The pattern has more than ${MAX_LENGTH} characters.`)
    try {
      new RegExp(pattern, 'u')
    } catch (error) {
      throw new RegexError((error as Error).message)
    }
    this.#chars = [...pattern]
  }

  parse(): string {
    const branches = [this.#branch(true)]
    while (this.#take('|')) branches.push(this.#branch(true))
    if (this.#at < this.#chars.length) throw this.#unsupported(`"${this.#peek()}"`)
    return either(branches)
  }

  #peek(): string | undefined {
    return this.#chars[this.#at]
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false
    this.#at++
    return true
  }

  #unsupported(what: string): RegexError {
    return new RegexError(`${what} at character ${this.#at + 1} of the pattern is not supported.`)
  }

  /** One alternative; anchors count only outside groups, where they are at the ends of the text. */
  #branch(outermost: boolean): string {
    const anything = times(jsonCharacter(EVERYTHING) ?? '""', 0, Number.POSITIVE_INFINITY)
    const parts: string[] = []
    if (outermost && !this.#take('^')) parts.push(anything)
    let closed = !outermost
    for (let char = this.#peek(); char !== undefined && char !== '|' && char !== ')'; char = this.#peek()) {
      if (outermost && char === '$' && [undefined, '|'].includes(this.#chars[this.#at + 1])) {
        this.#at++
        closed = true
        break
      }
      parts.push(this.#quantified())
    }
    if (!closed) parts.push(anything)
    return parts.join(' ') || '""'
  }

  #quantified(): string {
    const atom = this.#atom()
    const [least, most] = this.#quantifier() ?? [1, 1]
    return times(atom, least, most)
  }

  #quantifier(): readonly [number, number] | undefined {
    const known = {
      '*': [0, Number.POSITIVE_INFINITY],
      '+': [1, Number.POSITIVE_INFINITY],
      '?': [0, 1],
    } as const
    const char = this.#peek()
    let counts: readonly [number, number] | undefined
    if (char === '*' || char === '+' || char === '?') {
      this.#at++
      counts = known[char]
    } else if (char === '{') {
      const text = this.#chars.slice(this.#at).join('')
      const [whole = '', least = '', comma, most] = text.match(/^\{(\d+)(,)?(\d+)?\}/) ?? []
      this.#at += whole.length
      const low = Number(least)
      const high = comma === undefined ? low : most === undefined ? Number.POSITIVE_INFINITY : Number(most)
      if (low > MAX_COUNT || (high > MAX_COUNT && high !== Number.POSITIVE_INFINITY)) {
        throw this.#unsupported(`A count over ${MAX_COUNT}`)
      }
      counts = [low, high]
    }
    // A lazy quantifier matches the same texts.
    if (counts) this.#take('?')
    return counts
  }

  #atom(): string {
    const char = this.#peek() as string
    if (char === '(') return this.#group()
    if (char === '[') return this.#one(this.#class())
    if (char === '^' || char === '$') throw this.#unsupported(`The anchor "${char}"`)
    this.#at++
    if (char === '.') return this.#one(complement(NOT_DOT))
    if (char === '\\') return this.#one(this.#escape(false))
    return this.#one(codesOf(char))
  }

  #one(set: CodeSet): string {
    const character = jsonCharacter(set)
    if (character === undefined) throw this.#unsupported('A class without characters')
    return character
  }

  #group(): string {
    this.#at++
    if (this.#take('?')) {
      if (!this.#take(':')) throw this.#unsupported('A lookaround or named group')
    }
    if (++this.#depth > MAX_DEPTH) throw this.#unsupported('Deeper nesting')
    const branches = [this.#branch(false)]
    while (this.#take('|')) branches.push(this.#branch(false))
    this.#take(')')
    this.#depth--
    return `(${branches.join(' | ')})`
  }

  #class(): CodeSet {
    this.#at++
    const negated = this.#take('^')
    const ranges: CodeRange[] = []
    while (!this.#take(']')) {
      const low = this.#classItem()
      const [first] = low
      if (
        this.#peek() === '-' &&
        this.#chars[this.#at + 1] !== ']' &&
        low.length === 1 &&
        first?.[0] === first?.[1]
      ) {
        this.#at++
        const [last] = this.#classItem()
        ranges.push([first?.[0] ?? 0, last?.[1] ?? 0])
      } else {
        ranges.push(...low)
      }
    }
    const set = codeSet(ranges)
    return negated ? complement(set) : set
  }

  #classItem(): CodeSet {
    const char = this.#chars[this.#at++] as string
    return char === '\\' ? this.#escape(true) : codesOf(char)
  }

  /** What follows a backslash. */
  #escape(inClass: boolean): CodeSet {
    const char = this.#chars[this.#at++] as string
    const known = CLASSES[char]
    if (known) return known
    const control = inClass && char === 'b' ? 8 : CONTROLS[char]
    if (control !== undefined) return [[control, control]]
    const rest = this.#chars.slice(this.#at).join('')
    const hex =
      char === 'x'
        ? rest.match(/^([0-9a-f]{2})/i)
        : char === 'u'
          ? rest.match(/^([0-9a-f]{4})|^\{([0-9a-f]+)\}/i)
          : null
    if (hex) {
      this.#at += hex[0].length
      const code = Number.parseInt(hex[1] ?? hex[2] ?? '', 16)
      if (code >= 0xd800 && code <= 0xdfff) throw this.#unsupported('Half of a surrogate pair')
      return [[code, code]]
    }
    if (/[A-Za-z0-9]/.test(char)) throw this.#unsupported(`"\\${char}"`)
    return codesOf(char)
  }
}
