/** Markdown that ends in the middle of something, made whole. */
export interface Repaired {
  readonly text: string
  /** Offset in the source up to which nothing is open: how that is read cannot change any more. */
  readonly safe: number
}

interface Open {
  readonly mark: string
  readonly at: number
}

/** Where a stretch of inline text begins: after a blank line, a bullet, a quote mark, in a table or after a heading. */
const BOUNDARY =
  /(?:^|\n)(?:[ \t]*\n|[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]+|[ \t]*>[ \t>]*|#{1,6}[ \t]+|[ \t]*\|)/g

/** Offset of the inline text at the end of the source. */
function lastRun(source: string): number {
  let start = 0
  for (const match of source.matchAll(BOUNDARY)) start = match.index + match[0].length
  return start
}

const isSpace = (character: string | undefined) => character === undefined || /\s/.test(character)
const isWord = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}]/u.test(character)

/**
 * Closes what is open at the end of streamed Markdown, so that a half-written `**bold` is bold at once and does not
 * change when its end comes. A mark that has only begun (`**bold*`, a link whose address is not all there) is left out.
 */
export function repair(source: string): Repaired {
  // An entity that has only begun would be read as text.
  const end = source.replace(/&#?\w{0,6}$/, '').trimEnd().length
  const start = lastRun(source)
  const open: Open[] = []
  let bracket = -1
  let at = start
  while (at < end) {
    const character = source[at] as string
    if (character === '\\') {
      at += 2
      continue
    }
    if (character === '`') {
      const [mark = ''] = /^`+/.exec(source.slice(at)) ?? []
      const close = closing(source, at + mark.length, mark)
      if (close < 0) {
        const bare = at + mark.length >= end
        const text = bare ? source.slice(0, at) : source.slice(0, end) + mark
        return done(text, [...open].reverse(), Math.min(at, ...open.map((o) => o.at)))
      }
      at = close
      continue
    }
    if (character === '[') bracket = at
    if (character === ']' && bracket >= 0) {
      const address = linkEnd(source, at, end)
      if (address === undefined) {
        const text = source.slice(0, bracket) + source.slice(bracket + 1, at)
        return done(text, [...open].reverse(), Math.min(bracket, ...open.map((o) => o.at)))
      }
      bracket = -1
      at = address
      continue
    }
    const [mark = ''] = /^(?:\*+|_+|~~)/.exec(source.slice(at)) ?? []
    if (mark !== '') {
      if (at + mark.length >= end)
        return done(source.slice(0, at), [...open].reverse(), safeOf(open, bracket, at))
      delimit(open, mark, at, source)
      at += mark.length
      continue
    }
    at++
  }
  return done(source.slice(0, end), [...open].reverse(), safeOf(open, bracket, source.length))
}

function safeOf(open: readonly Open[], bracket: number, end: number): number {
  return Math.min(end, bracket < 0 ? end : bracket, ...open.map(({ at }) => at))
}

const done = (text: string, open: readonly Open[], safe: number): Repaired => ({
  text: text.trimEnd() + open.map(({ mark }) => mark).join(''),
  safe,
})

/** Offset after the run of backticks that closes one; -1 where there is none. */
function closing(source: string, from: number, mark: string): number {
  for (const match of source.slice(from).matchAll(/`+/g)) {
    if (match[0] === mark) return from + match.index + mark.length
  }
  return -1
}

/** Offset after a link's `](address)`, or after the `]` where none follows; undefined where that is cut off. */
function linkEnd(source: string, at: number, end: number): number | undefined {
  if (at + 1 >= end) return undefined
  if (source[at + 1] !== '(') return at + 1
  const close = source.indexOf(')', at + 2)
  if (close >= 0 && close < end) return close + 1
  // An address has no blanks but before a title.
  return /^[^\s]*(\s+["'(][^\n]*)?$/.test(source.slice(at + 2, end)) ? undefined : at + 1
}

/** Takes a run of `*`, `_` or `~` in: it closes what it can, and opens the rest where text follows. */
function delimit(open: Open[], run: string, at: number, source: string): void {
  const before = at > 0 ? source[at - 1] : undefined
  const after = source[at + run.length]
  const within = run[0] === '_' && isWord(before) && isWord(after)
  if (within) return
  let rest = run
  const closes = !isSpace(before)
  while (closes && rest !== '') {
    const last = open.findLastIndex(({ mark }) => rest.startsWith(mark))
    if (last < 0) break
    rest = rest.slice(open[last]?.mark.length)
    open.splice(last)
  }
  if (isSpace(after) || rest.length > 3) return
  if (rest.length >= 2) open.push({ mark: rest.slice(0, 2), at })
  if (rest.length % 2 === 1) open.push({ mark: rest.slice(0, 1), at })
}
