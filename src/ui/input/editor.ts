import { breakRows, characters, type Row, widthOf } from '../text/rows.js'

/** Text being written and the offset of the cursor in it (between characters). */
export interface Editor {
  readonly text: string
  readonly cursor: number
}

export const EMPTY: Editor = { text: '', cursor: 0 }

/** An editor with the cursor after the text. */
export const edit = (text: string): Editor => ({ text, cursor: text.length })

export type Motion = 'left' | 'right' | 'wordLeft' | 'wordRight' | 'lineStart' | 'lineEnd'

export function insert({ text, cursor }: Editor, added: string): Editor {
  return { text: text.slice(0, cursor) + added + text.slice(cursor), cursor: cursor + added.length }
}

/** Where a motion leads. */
function target({ text, cursor }: Editor, motion: Motion): number {
  switch (motion) {
    case 'left':
      return previousCharacter(text, cursor)
    case 'right':
      return nextCharacter(text, cursor)
    case 'wordLeft':
      return wordStart(text, cursor)
    case 'wordRight':
      return wordEnd(text, cursor)
    case 'lineStart':
      return lineStart(text, cursor)
    case 'lineEnd': {
      const end = text.indexOf('\n', cursor)
      return end < 0 ? text.length : end
    }
  }
}

export function move(editor: Editor, motion: Motion): Editor {
  return { ...editor, cursor: target(editor, motion) }
}

/** Deletes what a motion passes over. At the end of a line that is the newline, so that lines can be joined. */
export function erase(editor: Editor, motion: Motion): Editor {
  const { text, cursor } = editor
  let to = target(editor, motion)
  if (to === cursor && motion === 'lineEnd') to = nextCharacter(text, cursor)
  if (to === cursor && motion === 'lineStart') to = previousCharacter(text, cursor)
  const from = Math.min(cursor, to)
  return { text: text.slice(0, from) + text.slice(Math.max(cursor, to)), cursor: from }
}

/** Moves the cursor a row up or down on the screen, keeping its column. Undefined where there is no such row. */
export function moveRow(editor: Editor, width: number, by: -1 | 1): Editor | undefined {
  const { rows, row, column } = layout(editor, width)
  const goal = rows[row + by]
  if (!goal) return undefined
  const line = editor.text.slice(goal.start, goal.end)
  let used = 0
  for (const { index, text } of characters(line)) {
    used += widthOf(text)
    if (used > column) return { ...editor, cursor: goal.start + index }
  }
  // The end of a broken row is the start of the next.
  const broken = goal.end === goal.next && goal.end < editor.text.length
  return { ...editor, cursor: broken ? previousCharacter(editor.text, goal.end) : goal.end }
}

export interface Layout {
  readonly rows: readonly Row[]
  /** Row and column of the cursor. */
  readonly row: number
  readonly column: number
}

/** The rows of the text on a screen of `width` columns and the place of the cursor in them. */
export function layout({ text, cursor }: Editor, width: number): Layout {
  const rows = breakRows(text, width)
  let row = rows.findIndex((candidate) => cursor < candidate.next)
  if (row < 0) row = rows.length - 1
  const column = Math.min(widthOf(text.slice(rows[row]?.start ?? 0, cursor)), width)
  return { rows, row, column }
}

function previousCharacter(text: string, cursor: number): number {
  let previous = 0
  // No character reaches over a newline, so the text before this line need not be looked at.
  const from = lineStart(text, Math.max(0, cursor - 1))
  for (const { index } of characters(text.slice(from, cursor))) previous = from + index
  return previous
}

function lineStart(text: string, cursor: number): number {
  return cursor === 0 ? 0 : text.lastIndexOf('\n', cursor - 1) + 1
}

function nextCharacter(text: string, cursor: number): number {
  for (const { text: character } of characters(text.slice(cursor))) return cursor + character.length
  return cursor
}

const isWord = (character: string) => /[\p{L}\p{N}\p{M}_]/u.test(character)

function wordStart(text: string, cursor: number): number {
  let at = cursor
  const before = () => text.slice(previousCharacter(text, at), at)
  while (at > 0 && !isWord(before())) at = previousCharacter(text, at)
  while (at > 0 && isWord(before())) at = previousCharacter(text, at)
  return at
}

function wordEnd(text: string, cursor: number): number {
  let at = cursor
  const after = () => text.slice(at, nextCharacter(text, at))
  while (at < text.length && !isWord(after())) at = nextCharacter(text, at)
  while (at < text.length && isWord(after())) at = nextCharacter(text, at)
  return at
}
