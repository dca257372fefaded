import { useCallback, useReducer, useRef } from 'react'
import type { InputHistory } from '../history.js'
import { bind } from '../input/bindings.js'
import type { Editor } from '../input/editor.js'
import { editInput, endSearch, type InputState, searchInput, startInput } from '../input/input-state.js'
import type { Key } from '../input/keys.js'
import { type InputHost, perform } from '../input/perform.js'
import { bindSearch, type Search } from '../input/search.js'
import { useHint } from './use-hint.js'
import { useKeys } from './use-keys.js'

/** How long a second Ctrl-C means leaving, and a hint stays. */
const AGAIN = 2000

/** What the input line needs to know and to ask for. */
export interface InputOptions
  extends Pick<
    InputHost,
    | 'history'
    | 'width'
    | 'replying'
    | 'leave'
    | 'submit'
    | 'variant'
    | 'editExternally'
    | 'suspend'
    | 'clearScreen'
  > {
  readonly history: InputHistory
  readonly stop: () => void
  /** The history could not be written. */
  readonly historyFailed: (error: unknown) => void
}

export interface Input {
  readonly editor: Editor
  readonly editing: number | undefined
  readonly search: Search | undefined
  readonly hint: string | undefined
  /** Puts in the question of a turn, to be asked anew in its place. */
  readonly compose: (text: string, turn: number) => void
}

/** The input line: keys in, submitted text out. */
export function useInput(options: InputOptions): Input {
  const { history } = options
  // Several keys may arrive before the next drawing, so the state is not React's.
  const state = useRef<InputState>(startInput(history.entries))
  const [, redraw] = useReducer((count: number) => count + 1, 0)
  const { hint, show, clear } = useHint(AGAIN)
  const interrupted = useRef(Number.NEGATIVE_INFINITY)
  const set = useCallback((next: InputState) => {
    state.current = next
    redraw()
  }, [])

  const interrupt = () => {
    if (options.replying) return options.stop()
    const now = performance.now()
    if (now - interrupted.current < AGAIN) return options.leave(130)
    interrupted.current = now
    set(startInput(history.entries))
    show('Press Ctrl+C again to leave.')
  }
  const submit = (text: string, turn: number | undefined) => {
    history.add(text).catch(options.historyFailed)
    set(startInput(history.entries))
    options.submit(text, turn)
  }
  const host: InputHost = { ...options, state: () => state.current, set, hint: show, interrupt, submit }

  useKeys((key: Key) => {
    const searching = state.current.search && bindSearch(key)
    if (searching) return set(searchInput(state.current, searching, history.entries))
    if (state.current.search) set(endSearch(state.current))
    const action = bind(key, state.current.prefixed)
    if (action?.type !== 'interrupt') {
      interrupted.current = Number.NEGATIVE_INFINITY
      clear()
    }
    if (action) perform(host, action)
  })
  const compose = useCallback(
    (text: string, turn: number) => set(editInput(history.entries, text, turn)),
    [history, set],
  )
  const { editor, editing, search } = state.current
  return { editor, editing, search, hint, compose }
}
