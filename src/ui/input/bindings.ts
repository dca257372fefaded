import type { Motion } from './editor.js'
import type { Key } from './keys.js'

/** What a key asks for. */
export type InputAction =
  | { readonly type: 'insert'; readonly text: string }
  | { readonly type: 'move' | 'erase' | 'kill'; readonly motion: Motion }
  | { readonly type: 'row' | 'variant'; readonly by: -1 | 1 }
  | {
      readonly type:
        | 'submit'
        | 'complete'
        | 'interrupt'
        | 'eof'
        | 'cancel'
        | 'yank'
        | 'undo'
        | 'search'
        | 'prefix'
        | 'editor'
        | 'suspend'
        | 'clear'
    }

/** The keys that /help lists. */
export const KEY_HELP: readonly (readonly [keys: string, about: string])[] = [
  ['Enter', 'send'],
  ['Alt+Enter, Ctrl+J, \\ Enter', 'new line; pasted text keeps its lines'],
  ['Ctrl+G, Ctrl+X Ctrl+E', 'write in $VISUAL or $EDITOR'],
  ['Up, Down', 'earlier and later input, rows of this one'],
  ['Ctrl+R', 'search earlier input; again: older, Ctrl+S: newer'],
  ['Alt+Up, Alt+Down', 'the variant before and after'],
  ['Left, Right, Home, End', 'move; also Ctrl+B, F, A, E'],
  ['Alt+B, Alt+F, Ctrl+Left/Right', 'a word back and forth'],
  ['Ctrl+W, Alt+D', 'delete the word before, after the cursor'],
  ['Ctrl+U, Ctrl+K', 'delete to the start, to the end of the line'],
  ['Ctrl+Y, Ctrl+_', 'put back what was deleted, undo'],
  ['Tab', 'complete a command, setting or path'],
  ['Ctrl+L', 'clear the screen'],
  ['Ctrl+Z', 'suspend; fg comes back'],
  ['Esc', 'leave a search or an edit'],
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
  g: { type: 'editor' },
  k: { type: 'kill', motion: 'lineEnd' },
  l: { type: 'clear' },
  n: { type: 'row', by: 1 },
  p: { type: 'row', by: -1 },
  r: { type: 'search' },
  u: { type: 'kill', motion: 'lineStart' },
  w: { type: 'kill', motion: 'wordLeft' },
  x: { type: 'prefix' },
  y: { type: 'yank' },
  z: { type: 'suspend' },
  _: { type: 'undo' },
}

/** After Ctrl+X. */
const CTRL_X: Readonly<Record<string, InputAction>> = {
  e: { type: 'editor' },
  u: { type: 'undo' },
}

const ALT: Readonly<Record<string, InputAction>> = {
  b: { type: 'move', motion: 'wordLeft' },
  d: { type: 'kill', motion: 'wordRight' },
  f: { type: 'move', motion: 'wordRight' },
}

/** The action bound to a key; undefined for keys without one. `prefixed` after Ctrl+X. */
export function bind(key: Key, prefixed = false): InputAction | undefined {
  const byWord = key.ctrl || key.alt
  if (prefixed && key.name === 'letter' && key.ctrl) return CTRL_X[key.text]
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
      return byWord ? { type: 'kill', motion: 'wordLeft' } : { type: 'erase', motion: 'left' }
    case 'delete':
      return byWord ? { type: 'kill', motion: 'wordRight' } : { type: 'erase', motion: 'right' }
    case 'left':
      return { type: 'move', motion: byWord ? 'wordLeft' : 'left' }
    case 'right':
      return { type: 'move', motion: byWord ? 'wordRight' : 'right' }
    case 'home':
      return { type: 'move', motion: 'lineStart' }
    case 'end':
      return { type: 'move', motion: 'lineEnd' }
    case 'up':
      return { type: key.alt ? 'variant' : 'row', by: -1 }
    case 'down':
      return { type: key.alt ? 'variant' : 'row', by: 1 }
    case 'unknown':
      return undefined
  }
}
