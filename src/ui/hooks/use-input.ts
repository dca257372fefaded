import { useCallback, useReducer, useRef } from 'react'
import { completeCommand } from '../commands.js'
import type { InputHistory } from '../history.js'
import { bind, type InputAction } from '../input/bindings.js'
import { type Editor, edit } from '../input/editor.js'
import { continueLine, editInput, type InputState, reduceInput, startInput } from '../input/input-state.js'
import type { Key } from '../input/keys.js'
import { printable } from '../text/printable.js'
import { useHint } from './use-hint.js'
import { useKeys } from './use-keys.js'

/** How long a second Ctrl-C means leaving, and a hint stays. */
const AGAIN = 2000

interface UseInputOptions {
  readonly history: InputHistory
  /** Columns for the text. */
  readonly width: number
  readonly replying: boolean
  readonly onSubmit: (text: string, editing: boolean) => void
  readonly onStop: () => void
  readonly onLeave: (exitCode: number) => void
  /** The history could not be written. */
  readonly onHistoryError: (error: unknown) => void
}

export interface Input {
  readonly editor: Editor
  readonly editing: boolean
  readonly hint: string | undefined
  /** Puts in a text that is to replace the last question. */
  readonly compose: (text: string) => void
}

/** The input line: keys in, submitted text out. */
export function useInput(options: UseInputOptions): Input {
  const { history } = options
  // Several keys may arrive before the next drawing, so the state is not React's.
  const state = useRef<InputState>(startInput(history.entries))
  const [, redraw] = useReducer((count: number) => count + 1, 0)
  const { hint, show, clear } = useHint(AGAIN)
  const interrupted = useRef(Number.NEGATIVE_INFINITY)

  const set = (next: InputState) => {
    state.current = next
    redraw()
  }

  const interrupt = () => {
    if (options.replying) return options.onStop()
    const now = performance.now()
    if (now - interrupted.current < AGAIN) return options.onLeave(130)
    interrupted.current = now
    set(startInput(history.entries))
    show('Press Ctrl+C again to leave.')
  }

  const submit = () => {
    const continued = continueLine(state.current)
    if (continued) return set({ ...state.current, editor: continued })
    const text = state.current.editor.text.trim()
    if (text === '') return
    if (options.replying) return show('A reply is being written; Ctrl+C stops it.')
    const { editing } = state.current
    history.add(text).catch(options.onHistoryError)
    set(startInput(history.entries))
    options.onSubmit(text, editing)
  }

  const perform = (action: InputAction) => {
    const { editor, editing } = state.current
    switch (action.type) {
      case 'interrupt':
        return interrupt()
      case 'submit':
        return submit()
      case 'eof':
        if (editor.text === '' && !options.replying) return options.onLeave(0)
        return set(
          reduceInput(state.current, { type: 'erase', motion: 'right' }, history.entries, options.width),
        )
      case 'cancel':
        return editing ? set(startInput(history.entries)) : undefined
      case 'complete': {
        const completed = completeCommand(editor.text)
        return completed === undefined ? undefined : set({ ...state.current, editor: edit(completed) })
      }
      case 'insert':
        return set(
          reduceInput(
            state.current,
            { type: 'insert', text: printable(action.text) },
            history.entries,
            options.width,
          ),
        )
      default:
        return set(reduceInput(state.current, action, history.entries, options.width))
    }
  }

  useKeys((key: Key) => {
    const action = bind(key)
    if (action?.type !== 'interrupt') {
      interrupted.current = Number.NEGATIVE_INFINITY
      clear()
    }
    if (action) perform(action)
  })

  const compose = useCallback(
    (text: string) => {
      state.current = editInput(history.entries, text)
      redraw()
    },
    [history],
  )
  return { editor: state.current.editor, editing: state.current.editing, hint, compose }
}
