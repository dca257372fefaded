import stringWidth from 'string-width'

/** A row on the screen: text from `start` to `end`; where the text goes on in the next row at `next`. */
export interface Row {
  readonly start: number
  readonly end: number
  readonly next: number
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

const PRINTABLE_ASCII = /^[ -~]*$/

/** Columns that text takes on a terminal. */
export const widthOf = (text: string): number =>
  PRINTABLE_ASCII.test(text) ? text.length : stringWidth(text)

/** Whether the code unit at an offset is a character whatever comes before: ASCII that nothing can combine with. */
function standsAlone(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  const inLineEnd = code === 0x0d || (code === 0x0a && text.charCodeAt(at - 1) === 0x0d)
  return code < 0x80 && !inLineEnd && !(text.charCodeAt(at + 1) >= 0x80)
}

/** User-perceived characters with their offsets. The segmenter is slow, so it sees only what is not plain ASCII. */
export function* characters(text: string): Generator<{ readonly index: number; readonly text: string }> {
  let at = 0
  while (at < text.length) {
    if (standsAlone(text, at)) {
      yield { index: at, text: text.charAt(at) }
      at++
      continue
    }
    let end = at + 1
    while (end < text.length && !standsAlone(text, end)) end++
    for (const { index, segment } of graphemes.segment(text.slice(at, end))) {
      yield { index: at + index, text: segment }
    }
    at = end
  }
}

/**
 * Breaks text into rows of at most `width` columns: at newlines, after spaces, and inside words that are too long.
 * A space that does not fit hangs over the end of its row. The rows cover all of the text, so that offsets (such as
 * that of a cursor) can be mapped to rows. There is always at least one.
 */
export function breakRows(text: string, width: number): Row[] {
  const rows: Row[] = []
  let start = 0
  let used = 0
  let afterSpace = -1
  const close = (end: number, next: number) => {
    rows.push({ start, end, next })
    start = next
    used = 0
    afterSpace = -1
  }
  for (const { index, text: character } of characters(text)) {
    if (character === '\n' || character === '\r\n') {
      close(index, index + character.length)
      continue
    }
    const columns = widthOf(character)
    if (character !== ' ' && used + columns > width && index > start) {
      const at = afterSpace > start ? afterSpace : index
      close(at, at)
      used = widthOf(text.slice(at, index))
    }
    used += columns
    if (character === ' ') afterSpace = index + 1
  }
  close(text.length, text.length)
  return rows
}

/** Text as rows of at most `width` columns, without the spaces at the ends of broken rows. */
export function wrapText(text: string, width: number): string[] {
  return breakRows(text, width).map((row) => text.slice(row.start, row.end).trimEnd())
}

/** Cuts text to `width` columns, ending it in … where something is left out. */
export function truncate(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let used = 0
  let end = 0
  for (const { index, text: character } of characters(text)) {
    used += widthOf(character)
    if (used > width - 1) break
    end = index + character.length
  }
  return width > 0 ? `${text.slice(0, end)}…` : ''
}
