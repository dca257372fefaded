import stringWidth from 'string-width'

/** A row on the screen: text from `start` to `end`; where the text goes on in the next row at `next`. */
export interface Row {
  readonly start: number
  readonly end: number
  readonly next: number
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Columns that text takes on a terminal. */
export const widthOf = (text: string): number => stringWidth(text)

/** User-perceived characters with their offsets. */
export function* characters(text: string): Generator<{ readonly index: number; readonly text: string }> {
  for (const { index, segment } of graphemes.segment(text)) yield { index, text: segment }
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
