import { complete } from '../commands/complete.js'
import type { InputHistory } from '../history.js'
import { printable } from '../text/printable.js'
import type { InputAction } from './bindings.js'
import { edit } from './editor.js'
import { changed, continueLine, type InputState, reduceInput, startInput } from './input-state.js'

/** What the input line is part of. */
export interface InputHost {
  readonly history: InputHistory
  /** Columns for the text. */
  readonly width: number
  readonly replying: boolean
  state(): InputState
  set(state: InputState): void
  /** Shows a line for a moment. */
  hint(text: string): void
  interrupt(): void
  leave(exitCode: number): void
  /** @param turn the turn in whose place the text is asked */
  submit(text: string, turn: number | undefined): void
  variant(by: -1 | 1): void
  /** Lets the user write in an editor; `done` gets the text. */
  editExternally(text: string, done: (text: string) => void): void
  suspend(): void
  clearScreen(): void
}

/** Does what a key asks for. */
export function perform(host: InputHost, action: InputAction) {
  const state = host.state()
  const { editor } = state
  const reduce = (text: InputAction) => host.set(reduceInput(state, text, host.history.entries, host.width))
  switch (action.type) {
    case 'interrupt':
      return host.interrupt()
    case 'submit':
      return submit(host, state)
    case 'eof':
      if (editor.text === '' && !host.replying) return host.leave(0)
      return reduce({ type: 'erase', motion: 'right' })
    case 'cancel':
      return state.editing === undefined ? undefined : host.set(startInput(host.history.entries))
    case 'complete':
      return completeInput(host, state)
    case 'insert':
      return reduce({ type: 'insert', text: printable(action.text) })
    case 'variant':
      return host.replying ? undefined : host.variant(action.by)
    case 'editor':
      reduce(action)
      return host.editExternally(editor.text, (text) => replaceText(host, printable(text)))
    case 'suspend':
      return host.suspend()
    case 'clear':
      return host.clearScreen()
    default:
      return reduce(action)
  }
}

function replaceText(host: InputHost, text: string): void {
  host.set(changed(host.state(), edit(text), undefined))
}

function submit(host: InputHost, state: InputState) {
  const continued = continueLine(state)
  if (continued) return host.set(changed(state, continued, undefined))
  const text = state.editor.text.trim()
  if (text === '') return
  if (host.replying) return host.hint('A reply is being written; Ctrl+C stops it.')
  host.submit(text, state.editing)
}

function completeInput(host: InputHost, { editor }: InputState): void {
  const completion = editor.cursor === editor.text.length ? complete(editor.text) : undefined
  if (!completion) return
  if (completion.text !== editor.text) replaceText(host, completion.text)
  else if (completion.choices.length > 0) host.hint(completion.choices.join('  '))
}
