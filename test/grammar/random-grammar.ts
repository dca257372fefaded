/** Grammars made at random, and a recogniser that shares nothing with the engine's: slow, short, on code points. */
import fc from 'fast-check'

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly [string, string][] }
  | { readonly kind: 'any' }
  | { readonly kind: 'rule'; readonly rule: number }
  | { readonly kind: 'all' | 'one'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly of: Node; readonly least: number; readonly most: number }

/** Rule i is called r<i>; rule 0 is the root. */
export type RandomGrammar = readonly Node[]

const letters = ['a', 'b', 'c', '"', '\\', '\n', 'é', '€', '😀', '0', ']', '-', '^']

const escapes: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  ']': '\\]',
  '-': '\\x2D',
  '^': '\\u005E',
}
const write = (text: string) => [...text].map((char) => escapes[char] ?? char).join('')

function source(node: Node): string {
  switch (node.kind) {
    case 'text':
      return `"${write(node.text).replace('😀', '\\U0001F600')}"`
    case 'class':
      return `[${node.negated ? '^' : ''}${node.ranges.map(([a, b]) => (a === b ? write(a) : `${write(a)}-${write(b)}`)).join('')}]`
    case 'any':
      return '.'
    case 'rule':
      return node.rule === 0 ? 'root' : `r${node.rule}`
    case 'all':
      return `(${node.parts.map(source).join('\n  ')})`
    case 'one':
      return `(${node.parts.map(source).join(' | ')} # a comment\n)`
    case 'repeat': {
      const { least, most } = node
      const inner = `(${source(node.of)})`
      if (most === Infinity) return `${inner}${least === 0 ? '*' : least === 1 ? '+' : `{${least},}`}`
      if (least === 0 && most === 1) return `${inner}?`
      return `${inner}{${least === most ? least : `${least},${most}`}}`
    }
  }
}

export const toGbnf = (grammar: RandomGrammar): string =>
  grammar.map((node, i) => `${i === 0 ? 'root' : `r${i}`} ::= ${source(node)}\n`).join('')

const letter = fc.constantFrom(...letters)
const range = fc.tuple(letter, letter).map(([a, b]): [string, string] => {
  const [low, high] = [a, b].sort((x, y) => (x.codePointAt(0) ?? 0) - (y.codePointAt(0) ?? 0))
  return [low as string, high as string]
})

export const randomGrammar: fc.Arbitrary<RandomGrammar> = fc.integer({ min: 1, max: 5 }).chain((rules) => {
  const node = fc.letrec<{ node: Node }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.array(letter, { maxLength: 3 }).map((chars): Node => ({ kind: 'text', text: chars.join('') })),
      fc
        .tuple(fc.boolean(), fc.array(range, { minLength: 1, maxLength: 3 }))
        .map(([negated, ranges]): Node => ({ kind: 'class', negated, ranges })),
      fc.constant<Node>({ kind: 'any' }),
      fc.integer({ min: 0, max: rules - 1 }).map((rule): Node => ({ kind: 'rule', rule })),
      fc.array(tie('node'), { maxLength: 4 }).map((parts): Node => ({ kind: 'all', parts })),
      fc.array(tie('node'), { minLength: 1, maxLength: 4 }).map((parts): Node => ({ kind: 'one', parts })),
      fc
        .tuple(tie('node'), fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, 1, 2, Infinity))
        .map(([of, least, more]): Node => ({ kind: 'repeat', of, least, most: least + more })),
    ),
  })).node
  return fc.array(node, { minLength: rules, maxLength: rules })
})

const matches = (node: Node, char: string): boolean => {
  const code = char.codePointAt(0) ?? 0
  if (node.kind !== 'class') return node.kind === 'any'
  const inside = node.ranges.some(
    ([low, high]) => code >= (low.codePointAt(0) ?? 0) && code <= (high.codePointAt(0) ?? 0),
  )
  return inside !== node.negated
}

/** Whether the grammar, which is not left-recursive, matches the whole text. */
export function recognises(grammar: RandomGrammar, text: string): boolean {
  const chars = [...text]
  const known = new Map<Node, Map<number, ReadonlySet<number>>>()
  /** Where a match that begins at `from` may end. */
  const ends = (node: Node, from: number): ReadonlySet<number> => {
    const memo = known.get(node) ?? new Map<number, ReadonlySet<number>>()
    known.set(node, memo)
    const before = memo.get(from)
    if (before) return before
    const found = find(node, from)
    memo.set(from, found)
    return found
  }
  const find = (node: Node, from: number): ReadonlySet<number> => {
    switch (node.kind) {
      case 'text': {
        const wanted = [...node.text]
        return new Set(wanted.every((char, i) => chars[from + i] === char) ? [from + wanted.length] : [])
      }
      case 'class':
      case 'any': {
        const char = chars[from]
        return new Set(char !== undefined && matches(node, char) ? [from + 1] : [])
      }
      case 'rule':
        return ends(grammar[node.rule] as Node, from)
      case 'all':
        return node.parts.reduce<ReadonlySet<number>>((at, part) => after(part, at), new Set([from]))
      case 'one':
        return new Set(node.parts.flatMap((part) => [...ends(part, from)]))
      case 'repeat': {
        let at: ReadonlySet<number> = new Set([from])
        for (let i = 0; i < node.least; i++) at = after(node.of, at)
        const all = new Set(at)
        for (let i = node.least; i < node.most && at.size > 0; i++) {
          at = new Set([...after(node.of, at)].filter((end) => !all.has(end)))
          for (const end of at) all.add(end)
        }
        return all
      }
    }
  }
  const after = (node: Node, at: ReadonlySet<number>) =>
    new Set([...at].flatMap((from) => [...ends(node, from)]))
  return ends(grammar[0] as Node, 0).has(chars.length)
}
