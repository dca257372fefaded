/** Sets of characters as sorted ranges of code points, both ends included. */
export type CodeRange = readonly [low: number, high: number]
export type CodeSet = readonly CodeRange[]

export const MAX_CODE = 0x10ffff

/** The union of ranges in any order. */
export function codeSet(ranges: Iterable<CodeRange>): CodeSet {
  const joined: [number, number][] = []
  for (const [low, high] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = joined.at(-1)
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else joined.push([low, high])
  }
  return joined
}

/** The characters of a text. */
export const codesOf = (text: string): CodeSet =>
  codeSet([...text].map((char): CodeRange => [char.codePointAt(0) ?? 0, char.codePointAt(0) ?? 0]))

/** Every code point that is not in the set. */
export function complement(set: CodeSet): CodeSet {
  const out: CodeRange[] = []
  let next = 0
  for (const [low, high] of set) {
    if (low > next) out.push([next, low - 1])
    next = high + 1
  }
  if (next <= MAX_CODE) out.push([next, MAX_CODE])
  return out
}

export const without = (set: CodeSet, other: CodeSet): CodeSet => intersect(set, complement(other))

export function intersect(a: CodeSet, b: CodeSet): CodeSet {
  const out: CodeRange[] = []
  for (const [low, high] of a) {
    for (const [from, to] of b) {
      if (from <= high && to >= low) out.push([Math.max(low, from), Math.min(high, to)])
    }
  }
  return codeSet(out)
}
