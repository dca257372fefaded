import type { InputAction } from './bindings.js'
import { type Editor, EMPTY, edit, erase, insert, move, moveRow } from './editor.js'
import { reduceSearch, type Search, type SearchAction, searchEditor, startSearch } from './search.js'

/** The input line: what is being written, where Up and Down are in the history, what can be put back. */
export interface InputState {
  readonly editor: Editor
  /** Index of the history entry shown; the length of the history when none is. */
  readonly position: number
  /** What was being written before Up was pressed. */
  readonly draft: string
  /** The turn in whose place the text will be asked. */
  readonly editing: number | undefined
  readonly search: Search | undefined
  /** Ctrl+X was pressed. */
  readonly prefixed: boolean
  /** What was deleted by words or lines last. */
  readonly killed: string
  /** Texts of before, newest last. */
  readonly undo: readonly Editor[]
  /** What the last action was, where the next may go on with it. */
  readonly last: 'typed' | 'killed' | undefined
}

/** Steps that can be undone. */
const UNDO_STEPS = 100

export const startInput = (history: readonly string[]): InputState => ({
  editor: EMPTY,
  position: history.length,
  draft: '',
  editing: undefined,
  search: undefined,
  prefixed: false,
  killed: '',
  undo: [],
  last: undefined,
})

/** Input that begins with the question of a turn, to be changed. */
export const editInput = (history: readonly string[], text: string, turn: number): InputState => ({
  ...startInput(history),
  editor: edit(text),
  editing: turn,
})

/** The part of key handling that only concerns the text: editing, moving, history. */
export function reduceInput(
  before: InputState,
  action: InputAction,
  history: readonly string[],
  width: number,
): InputState {
  const state = { ...before, prefixed: action.type === 'prefix' }
  const { editor } = state
  switch (action.type) {
    case 'insert':
      return changed(state, insert(editor, action.text), /^\S$/u.test(action.text) ? 'typed' : undefined)
    case 'move':
      return { ...state, editor: move(editor, action.motion), last: undefined }
    case 'erase':
      return changed(state, erase(editor, action.motion), undefined)
    case 'kill':
      return kill(state, erase(editor, action.motion))
    case 'yank':
      return changed(state, insert(editor, state.killed), undefined)
    case 'undo': {
      const previous = state.undo.at(-1)
      return previous ? { ...state, editor: previous, undo: state.undo.slice(0, -1), last: undefined } : state
    }
    case 'row': {
      const moved = moveRow(editor, width, action.by)
      return moved
        ? { ...state, editor: moved, last: undefined }
        : recall(state, history, state.position + action.by)
    }
    case 'search':
      return { ...state, search: startSearch(editor), last: undefined }
    default:
      return state
  }
}

/** The input with another text, which can be undone; letters typed one after the other are undone together. */
export function changed(state: InputState, editor: Editor, last: InputState['last']): InputState {
  if (editor.text === state.editor.text) return { ...state, editor, last }
  const together = last !== undefined && last === state.last
  const undo = together ? state.undo : [...state.undo, state.editor].slice(-UNDO_STEPS)
  return { ...state, editor, undo, last }
}

/** Keeps what was deleted to be put back; what is deleted in one go comes back together. */
function kill(state: InputState, editor: Editor): InputState {
  const { text, cursor } = state.editor
  const length = text.length - editor.text.length
  const removed = text.slice(editor.cursor, editor.cursor + length)
  if (removed === '') return state
  const before = state.last === 'killed' ? state.killed : ''
  const killed = editor.cursor < cursor ? removed + before : before + removed
  return { ...changed(state, editor, 'killed'), killed }
}

/** A key pressed during a search. */
export function searchInput(state: InputState, action: SearchAction, history: readonly string[]): InputState {
  if (!state.search) return state
  const search = reduceSearch(state.search, action, history)
  if (!search) return { ...state, editor: state.search.before, search }
  return { ...state, search, editor: searchEditor(search, history) }
}

/** Ends a search with what was found in the input. */
export function endSearch(state: InputState): InputState {
  const { search } = state
  if (!search) return state
  return { ...state, search: undefined, position: search.found ?? state.position, draft: search.before.text }
}

/** Shows another entry of the history; after the last comes what was being written. */
function recall(state: InputState, history: readonly string[], position: number): InputState {
  if (position < 0 || position > history.length) return state
  const draft = state.position === history.length ? state.editor.text : state.draft
  return { ...changed(state, edit(history[position] ?? draft), undefined), position, draft }
}

/**
 * What Enter makes of the input: a backslash before the cursor is a new line, as in shells; otherwise it is sent.
 */
export function continueLine({ editor }: InputState): Editor | undefined {
  const { text, cursor } = editor
  if (text[cursor - 1] !== '\\') return undefined
  return insert({ text: text.slice(0, cursor - 1) + text.slice(cursor), cursor: cursor - 1 }, '\n')
}
