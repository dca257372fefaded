import type { Motion } from './editor.js'
import type { Key } from './keys.js'

/** What a key asks for. */
export type InputAction =
  | { readonly type: 'insert'; readonly text: string }
  | { readonly type: 'move' | 'erase'; readonly motion: Motion }
  | { readonly type: 'row'; readonly by: -1 | 1 }
  | { readonly type: 'submit' | 'complete' | 'interrupt' | 'eof' | 'cancel' }

/** The keys that /help lists. */
export const KEY_HELP: readonly (readonly [keys: string, about: string])[] = [
  ['Enter', 'send'],
  ['Alt+Enter, Ctrl+J, \\ Enter', 'new line'],
  ['Up, Down', 'earlier and later input'],
  ['Ctrl+A, Ctrl+E', 'start and end of the line'],
  ['Alt+B, Alt+F', 'a word back and forth'],
  ['Ctrl+W, Ctrl+U, Ctrl+K', 'delete a word, to the start, to the end'],
  ['Tab', 'complete a command'],
  ['Ctrl+C', 'stop the reply; twice: leave'],
  ['Ctrl+D', 'leave, when the input is empty'],
]

const CTRL: Readonly<Record<string, InputAction>> = {
  a: { type: 'move', motion: 'lineStart' },
  b: { type: 'move', motion: 'left' },
  c: { type: 'interrupt' },
  d: { type: 'eof' },
  e: { type: 'move', motion: 'lineEnd' },
  f: { type: 'move', motion: 'right' },
  k: { type: 'erase', motion: 'lineEnd' },
  n: { type: 'row', by: 1 },
  p: { type: 'row', by: -1 },
  u: { type: 'erase', motion: 'lineStart' },
  w: { type: 'erase', motion: 'wordLeft' },
}

const ALT: Readonly<Record<string, InputAction>> = {
  b: { type: 'move', motion: 'wordLeft' },
  d: { type: 'erase', motion: 'wordRight' },
  f: { type: 'move', motion: 'wordRight' },
}

/** The action bound to a key; undefined for keys without one. */
export function bind(key: Key): InputAction | undefined {
  const byWord = key.ctrl || key.alt
  switch (key.name) {
    case 'text':
    case 'paste':
      return { type: 'insert', text: key.text }
    case 'letter':
      return key.ctrl ? CTRL[key.text] : ALT[key.text]
    case 'enter':
      return key.alt || key.shift || key.ctrl ? { type: 'insert', text: '\n' } : { type: 'submit' }
    case 'newline':
      return { type: 'insert', text: '\n' }
    case 'tab':
      return key.shift ? undefined : { type: 'complete' }
    case 'escape':
      return { type: 'cancel' }
    case 'backspace':
      return { type: 'erase', motion: byWord ? 'wordLeft' : 'left' }
    case 'delete':
      return { type: 'erase', motion: byWord ? 'wordRight' : 'right' }
    case 'left':
      return { type: 'move', motion: byWord ? 'wordLeft' : 'left' }
    case 'right':
      return { type: 'move', motion: byWord ? 'wordRight' : 'right' }
    case 'home':
      return { type: 'move', motion: 'lineStart' }
    case 'end':
      return { type: 'move', motion: 'lineEnd' }
    case 'up':
      return { type: 'row', by: -1 }
    case 'down':
      return { type: 'row', by: 1 }
    case 'unknown':
      return undefined
  }
}
