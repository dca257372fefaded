import { advance, EMPTY_STREAM, type Finished, type MarkdownStream } from './markdown/stream.js'
import { printable } from './text/printable.js'
import { wrapText } from './text/rows.js'
import type { StyledRow } from './text/styled.js'
import { wrapColumns } from './text/tables.js'

export type ItemKind = 'header' | 'question' | 'reply' | 'notice' | 'error'

/** Rows that are finished: printed once, above the live part of the screen, and never drawn again. */
export interface Item {
  readonly id: number
  readonly kind: ItemKind
  readonly rows: readonly StyledRow[]
  /** A blank row comes before it. */
  readonly gap: boolean
}

/** A reply on its way. */
export interface Live {
  readonly stream: MarkdownStream
  /** Its rows that are not printed yet. */
  readonly rows: readonly StyledRow[]
  /** A blank row comes before them. */
  readonly gap: boolean
}

export interface ChatState {
  /** Items to be printed; those that have been are let go at times, so that a long chat needs no more than a short one. */
  readonly items: Item[]
  /** Changes when printed items are let go. */
  readonly page: number
  readonly nextId: number
  readonly live: Live | undefined
}

/** The space there is: columns, and rows for the live part of a reply. */
export interface Space {
  readonly width: number
  readonly maxLive: number
}

export type ChatAction =
  | { readonly type: 'print'; readonly kind: ItemKind; readonly text: string; readonly space: Space }
  | { readonly type: 'begin' }
  | { readonly type: 'stream'; readonly text: string; readonly space: Space }
  | { readonly type: 'end'; readonly space: Space }
  /** The first `count` items are on the screen. */
  | { readonly type: 'printed'; readonly count: number }

export const INITIAL: ChatState = { items: [], page: 0, nextId: 0, live: undefined }

/** Widest rows of prose: longer ones are hard to read. */
const PROSE_COLUMNS = 100

/** Marks of the first row of an item; later rows are indented by as much. */
const MARKS: Readonly<Record<ItemKind, string>> = {
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
      return append(state, action.kind, partsOf(action.kind, action.text, action.space))
    case 'begin':
      return { ...state, live: { stream: EMPTY_STREAM, rows: [], gap: true } }
    case 'stream':
      return stream(state, printable(action.text), action.space, false)
    case 'end':
      return { ...stream(state, '', action.space, true), live: undefined }
    case 'printed':
      return { ...state, items: state.items.slice(action.count), page: state.page + 1 }
  }
}

function partsOf(kind: ItemKind, text: string, { width, maxLive }: Space): readonly Finished[] {
  if (kind === 'reply') {
    const options = { width: Math.min(width, PROSE_COLUMNS), maxLive, ended: true }
    return advance(EMPTY_STREAM, printable(text).trim(), options).finished
  }
  const mark = MARKS[kind]
  const wrap = kind === 'notice' ? wrapColumns : wrapText
  const rows = wrap(printable(text), Math.max(1, width - mark.length))
  const marked = rows.map((row, i) => [{ text: (i === 0 ? mark : ' '.repeat(mark.length)) + row }])
  return [{ rows: marked, gap: true }]
}

function append(state: ChatState, kind: ItemKind, parts: readonly Finished[]): ChatState {
  if (parts.length === 0) return state
  const items = parts.map(({ rows, gap }, i) => {
    const id = state.nextId + i
    return { id, kind, rows, gap: gap && id > 0 }
  })
  return { ...state, items: [...state.items, ...items], nextId: state.nextId + items.length }
}

/** Adds text to the reply: what is finished of it is printed, so that the live part stays small however long it gets. */
function stream(state: ChatState, added: string, { width, maxLive }: Space, ended: boolean): ChatState {
  const { live } = state
  if (!live) return state
  // Blanks before the first word would make code of it.
  const text = live.stream === EMPTY_STREAM ? added.trimStart() : added
  if (text === '' && live.stream === EMPTY_STREAM) return state
  const options = { width: Math.min(width, PROSE_COLUMNS), maxLive, ended }
  const step = advance(live.stream, text, options)
  const gap = step.stream.printed === 0 && !step.stream.joined
  return { ...append(state, 'reply', step.finished), live: { stream: step.stream, rows: step.live, gap } }
}
