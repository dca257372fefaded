import { printable } from './text/printable.js'
import { breakRows, wrapText } from './text/rows.js'

export type ItemKind = 'header' | 'question' | 'reply' | 'notice' | 'error'

/** Rows that are finished: printed once, above the live part of the screen, and never drawn again. */
export interface Item {
  readonly id: number
  readonly kind: ItemKind
  readonly rows: readonly string[]
  /** A blank row comes before it. */
  readonly gap: boolean
}

/** A reply on its way: the rows at its end that are not printed yet. */
export interface Live {
  readonly text: string
  readonly started: boolean
}

export interface ChatState {
  readonly items: Item[]
  readonly live: Live | undefined
}

export type ChatAction =
  | { readonly type: 'print'; readonly kind: ItemKind; readonly text: string; readonly width: number }
  | { readonly type: 'begin' }
  | { readonly type: 'stream'; readonly text: string; readonly width: number }
  | { readonly type: 'end'; readonly width: number }

export const INITIAL: ChatState = { items: [], live: undefined }

/** Marks of the first row of an item; later rows are indented by as much. */
export const MARKS: Readonly<Record<ItemKind, string>> = {
  header: '',
  question: '› ',
  reply: '',
  notice: '',
  error: '',
}

/** What is on the screen after something happened. */
export function reduce(state: ChatState, action: ChatAction): ChatState {
  switch (action.type) {
    case 'print':
      return append(state, action.kind, rowsOf(action.kind, action.text, action.width), true)
    case 'begin':
      return { ...state, live: { text: '', started: false } }
    case 'stream':
      return stream(state, printable(action.text), action.width)
    case 'end': {
      const { live } = state
      const rest = live?.text.trimEnd() ?? ''
      const ended = { ...state, live: undefined }
      return rest === '' ? ended : append(ended, 'reply', wrapText(rest, action.width), !live?.started)
    }
  }
}

function rowsOf(kind: ItemKind, text: string, width: number): string[] {
  const mark = MARKS[kind]
  const rows = wrapText(printable(text), Math.max(1, width - mark.length))
  return rows.map((row, i) => (i === 0 ? mark : ' '.repeat(mark.length)) + row)
}

function append(state: ChatState, kind: ItemKind, rows: readonly string[], gap: boolean): ChatState {
  const item = { id: state.items.length, kind, rows, gap: gap && state.items.length > 0 }
  return { ...state, items: [...state.items, item] }
}

/**
 * Adds text to the reply. Rows that can no longer change are printed at once, so that the live part stays a row or
 * two high however long the reply gets: a terminal cannot redraw what has scrolled off without flicker.
 */
function stream(state: ChatState, added: string, width: number): ChatState {
  const { live } = state
  if (!live) return state
  const text = live.started || live.text !== '' ? live.text + added : added.trimStart()
  const rows = breakRows(text, width)
  let done = rows.length - 1
  // Blank rows wait for text after them: a reply does not end in blank rows.
  while (done > 0 && rows[done - 1]?.end === rows[done - 1]?.start) done--
  const first = rows[done]
  if (done === 0 || !first) return { ...state, live: { ...live, text } }
  const finished = rows.slice(0, done).map((row) => text.slice(row.start, row.end).trimEnd())
  const printed = append(state, 'reply', finished, !live.started)
  return { ...printed, live: { text: text.slice(first.start), started: true } }
}
