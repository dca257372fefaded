import type { Part } from '../theme.js'
import { breakRows, widthOf } from './rows.js'

/** How a stretch of text is written. */
export interface Style {
  readonly part?: Part
  readonly bold?: boolean
  readonly italic?: boolean
  readonly strikethrough?: boolean
}

/** Text written in one way. */
export interface Span extends Style {
  readonly text: string
  /** A bullet, an indent, a frame: not part of what was said. */
  readonly decor?: boolean
}

/** One row on the screen. */
export type StyledRow = readonly Span[]

export const plainText = (row: StyledRow): string => row.map(({ text }) => text).join('')

export const spansWidth = (spans: readonly Span[]): number => widthOf(plainText(spans))

/** The part of spans between two offsets of their text. */
export function sliceSpans(spans: readonly Span[], start: number, end: number): Span[] {
  const slices: Span[] = []
  let offset = 0
  for (const span of spans) {
    const text = span.text.slice(Math.max(0, start - offset), Math.max(0, end - offset))
    if (text !== '') slices.push({ ...span, text })
    offset += span.text.length
  }
  return slices
}

/** Spans broken into rows of at most `width` columns, at newlines and after spaces where possible. */
export function wrapSpans(spans: readonly Span[], width: number): StyledRow[] {
  const text = plainText(spans)
  return breakRows(text, Math.max(1, width)).map(({ start, end }) =>
    sliceSpans(spans, start, start + text.slice(start, end).trimEnd().length),
  )
}

/** Rows with something before each: `first` before the first, `rest` before the others. Blanks only where text follows. */
export function prefixRows(rows: readonly StyledRow[], first: Span, rest: Span): StyledRow[] {
  return rows.map((row, index) => {
    const prefix = index === 0 ? first : rest
    return row.length === 0 && prefix.text.trim() === '' ? [] : [prefix, ...row]
  })
}

/** Spaces and what Markdown may take for marks. */
const MARKS = /[\s!-/:-@[-`{-~]/g

const isMark = (character: string) => /[\s!-/:-@[-`{-~]/.test(character)

/**
 * How much was said in a row: its characters without spaces, decoration and what Markdown may take for marks. It does
 * not depend on the width the text was broken to, nor on whether a mark was read as one yet, so it tells a place in a
 * text that is read and broken again.
 */
export function contentOf(row: StyledRow): number {
  let count = 0
  for (const { text, decor } of row) if (!decor) count += text.replace(MARKS, '').length
  return count
}

/** Rows without their first `count` characters of content. What is before them in a row that is cut goes too. */
export function dropContent(rows: readonly StyledRow[], count: number): StyledRow[] {
  let left = count
  for (const [index, row] of rows.entries()) {
    if (left === 0) return rows.slice(index)
    const content = contentOf(row)
    if (content > left) return [cutRow(row, left), ...rows.slice(index + 1)]
    left -= content
  }
  return []
}

/** A row from after its first `count` characters of content on, and after the marks that follow them at once. */
function cutRow(row: StyledRow, count: number): StyledRow {
  let left = count
  let offset = 0
  for (const { text, decor } of row) {
    for (const character of text) {
      if (left === 0 && (decor || !isMark(character) || character === ' ')) {
        return sliceSpans(row, offset, Number.POSITIVE_INFINITY)
      }
      if (!decor && !isMark(character)) left -= character.length
      offset += character.length
    }
  }
  return []
}
