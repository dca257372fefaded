import { useCallback, useEffect, useLayoutEffect, useReducer, useRef } from 'react'
import { type ChatState, INITIAL, type ItemKind, reduce, type Space } from '../chat-state.js'
import { describe } from '../describe.js'

/** Printed items that are kept before they are let go. */
const PAGE = 256

export interface Screen {
  readonly state: ChatState
  readonly print: (kind: ItemKind, text: string) => void
  /** Prints what went wrong. */
  readonly fail: (error: unknown) => void
  readonly begin: () => void
  readonly stream: (text: string) => void
  readonly end: () => void
}

/** What is on the screen. The functions stay the same and break text to the width of the moment. */
export function useScreen(space: Space): Screen {
  const [state, dispatch] = useReducer(reduce, INITIAL)
  const current = useRef(space)
  current.current = space
  const { width, maxLive } = space
  // biome-ignore lint/correctness/useExhaustiveDependencies: an unfinished reply is broken again when the space changes
  useEffect(() => dispatch({ type: 'stream', text: '', space: current.current }), [width, maxLive])
  const { length } = state.items
  // Layout effects come after the drawing that printed the items.
  useLayoutEffect(() => {
    if (length >= PAGE) dispatch({ type: 'printed', count: length })
  }, [length])
  const print: Screen['print'] = useCallback(
    (kind, text) => dispatch({ type: 'print', kind, text, space: current.current }),
    [],
  )
  return {
    state,
    print,
    fail: useCallback((error) => print('error', describe(error)), [print]),
    begin: useCallback(() => dispatch({ type: 'begin' }), []),
    stream: useCallback((text) => dispatch({ type: 'stream', text, space: current.current }), []),
    end: useCallback(() => dispatch({ type: 'end', space: current.current }), []),
  }
}
