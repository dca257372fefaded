import type { InputAction } from './bindings.js'
import { type Editor, EMPTY, edit, erase, insert, move, moveRow } from './editor.js'

/** The input line: what is being written, and where Up and Down are in the history. */
export interface InputState {
  readonly editor: Editor
  /** Index of the history entry shown; the length of the history when none is. */
  readonly position: number
  /** What was being written before Up was pressed. */
  readonly draft: string
  /** Sending replaces the last question. */
  readonly editing: boolean
}

export const startInput = (history: readonly string[]): InputState => ({
  editor: EMPTY,
  position: history.length,
  draft: '',
  editing: false,
})

/** Input that begins with a text to be changed. */
export const editInput = (history: readonly string[], text: string): InputState => ({
  ...startInput(history),
  editor: edit(text),
  editing: true,
})

/** The part of key handling that only concerns the text: editing, moving, history. */
export function reduceInput(
  state: InputState,
  action: InputAction,
  history: readonly string[],
  width: number,
): InputState {
  const { editor } = state
  switch (action.type) {
    case 'insert':
      return { ...state, editor: insert(editor, action.text) }
    case 'move':
      return { ...state, editor: move(editor, action.motion) }
    case 'erase':
      return { ...state, editor: erase(editor, action.motion) }
    case 'row': {
      const moved = moveRow(editor, width, action.by)
      return moved ? { ...state, editor: moved } : recall(state, history, state.position + action.by)
    }
    default:
      return state
  }
}

/** Shows another entry of the history; after the last comes what was being written. */
function recall(state: InputState, history: readonly string[], position: number): InputState {
  if (position < 0 || position > history.length) return state
  const draft = state.position === history.length ? state.editor.text : state.draft
  return { ...state, editor: edit(history[position] ?? draft), position, draft }
}

/**
 * What Enter makes of the input: a backslash before the cursor is a new line, as in shells; otherwise it is sent.
 */
export function continueLine({ editor }: InputState): Editor | undefined {
  const { text, cursor } = editor
  if (text[cursor - 1] !== '\\') return undefined
  return insert({ text: text.slice(0, cursor - 1) + text.slice(cursor), cursor: cursor - 1 }, '\n')
}
