import type { Tokens } from 'marked'
import { type Span, type StyledRow, spansWidth, wrapSpans } from '../text/styled.js'
import { inlineSpans } from './inline.js'

type Align = 'left' | 'right' | 'center' | null

/** Columns between two cells, and what stands there. */
const SEPARATOR = ' │ '
const CROSSING = '─┼─'

/** Fewest columns of a cell; where there is less room a table is written as a list. */
const NARROWEST = 8

const decor = (text: string): Span => ({ text, decor: true, part: 'rule' })

/** A table as rows of at most `width` columns: cells are broken where they have to, as a list where that is hopeless. */
export function tableRows(table: Tokens.Table, width: number): StyledRow[] {
  const header = table.header.map(({ tokens }) => inlineSpans(tokens, { bold: true }))
  const body = table.rows.map((row) => row.map(({ tokens }) => inlineSpans(tokens)))
  const natural = header.map((cell, i) =>
    Math.max(1, spansWidth(cell), ...body.map((row) => spansWidth(row[i] ?? []))),
  )
  const room = width - SEPARATOR.length * (natural.length - 1)
  const widths = share(natural, room)
  if (!widths) return asList(header, body, width)
  const line = (cells: readonly (readonly Span[])[]) => lineRows(cells, widths, table.align)
  const rule = [decor(widths.map((columns) => '─'.repeat(columns)).join(CROSSING))]
  return [...line(header), rule, ...body.flatMap(line)]
}

/** Widths that fit into the room: wide columns shrink first. Undefined where there is too little for any. */
function share(natural: readonly number[], room: number): number[] | undefined {
  if (room < natural.reduce((sum, columns) => sum + Math.min(columns, NARROWEST), 0)) return undefined
  const widths = [...natural]
  let excess = widths.reduce((sum, columns) => sum + columns, 0) - room
  while (excess > 0) {
    const widest = Math.max(...widths)
    const second = Math.max(NARROWEST, ...widths.filter((columns) => columns < widest))
    const wide = widths.filter((columns) => columns === widest).length
    const cut = Math.max(1, Math.min(widest - second, Math.ceil(excess / wide)))
    for (let i = 0; i < widths.length && excess > 0; i++) {
      if (widths[i] !== widest) continue
      const taken = Math.min(cut, excess)
      widths[i] = widest - taken
      excess -= taken
    }
  }
  return widths
}

function lineRows(
  cells: readonly (readonly Span[])[],
  widths: readonly number[],
  align: readonly Align[],
): StyledRow[] {
  const broken = widths.map((columns, i) => wrapSpans(cells[i] ?? [], columns))
  const height = Math.max(...broken.map((rows) => rows.length))
  return Array.from({ length: height }, (_, row) =>
    widths.flatMap((columns, i) => {
      const last = i === widths.length - 1
      const padded = pad(broken[i]?.[row] ?? [], columns, align[i] ?? null, last)
      return last ? padded : [...padded, decor(SEPARATOR)]
    }),
  )
}

function pad(cell: StyledRow, columns: number, align: Align, last: boolean): Span[] {
  const free = Math.max(0, columns - spansWidth(cell))
  const before = align === 'right' ? free : align === 'center' ? free >> 1 : 0
  const after = last ? 0 : free - before
  return [decor(' '.repeat(before)), ...cell, decor(' '.repeat(after))].filter(({ text }) => text !== '')
}

/** Each row of the table as lines of `column: cell`, with a rule between rows. */
function asList(header: readonly Span[][], body: readonly Span[][][], width: number): StyledRow[] {
  const rule: StyledRow = [decor('─'.repeat(Math.min(width, NARROWEST)))]
  const rows = body.map((cells) =>
    cells.flatMap((cell, i) => wrapSpans([...(header[i] ?? []), { text: ': ', bold: true }, ...cell], width)),
  )
  if (rows.length === 0) return header.flatMap((cell) => wrapSpans(cell, width))
  return rows.flatMap((row, i) => (i === 0 ? row : [rule, ...row]))
}
