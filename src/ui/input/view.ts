import { printable } from '../text/printable.js'
import { truncate, widthOf } from '../text/rows.js'
import { type Editor, layout } from './editor.js'
import type { InputState } from './input-state.js'

/** What stands before the input. */
export interface Mark {
  readonly text: string
  /** Columns left for the input after it, one of them for the cursor after the last character. */
  readonly room: number
}

/** The mark for what the input is for; it takes half of a narrow screen at most. */
export function inputMark({ editing, search }: Pick<InputState, 'editing' | 'search'>, width: number): Mark {
  const name = search
    ? searchName(search.query, search.found)
    : editing === undefined
      ? ''
      : `edit ${editing} `
  const text = `${truncate(name, Math.max(0, (width >> 1) - 2))}› `
  return { text, room: Math.max(1, width - widthOf(text) - 1) }
}

const searchName = (query: string, found: number | undefined) =>
  query !== '' && found === undefined ? `not found: ${printable(query)} ` : `search: ${printable(query)} `

export interface InputView {
  readonly rows: readonly string[]
  /** Columns of each row, the mark included. */
  readonly widths: readonly number[]
  /** Whether the first of the rows is the first of the input. */
  readonly fromStart: boolean
  /** Where the cursor is, from the first row shown and the left of the screen. */
  readonly row: number
  readonly column: number
}

/** The rows of the input around the cursor, at most `limit`. */
export function inputView(editor: Editor, mark: Mark, limit: number): InputView {
  const { rows, row, column } = layout(editor, mark.room)
  const first = Math.max(0, Math.min(row - (limit >> 1), rows.length - limit))
  const texts = rows
    .slice(first, first + limit)
    .map(({ start, end }) => editor.text.slice(start, end).trimEnd())
  return {
    rows: texts,
    widths: texts.map((text) => widthOf(mark.text) + widthOf(text)),
    fromStart: first === 0,
    row: row - first,
    column: widthOf(mark.text) + column,
  }
}
