import fc from 'fast-check'
import t from 'tap'
import {
  type Editor,
  edit,
  erase,
  insert,
  layout,
  type Motion,
  move,
  moveRow,
} from '../../../src/ui/input/editor.js'

/** Editors are written with | for the cursor. */
const at = (text: string): Editor => ({ text: text.replace('|', ''), cursor: text.indexOf('|') })
const show = ({ text, cursor }: Editor) => `${text.slice(0, cursor)}|${text.slice(cursor)}`

t.test('motions', async (t) => {
  const cases: readonly [string, Motion, string][] = [
    ['a|b', 'left', '|ab'],
    ['|ab', 'left', '|ab'],
    ['a|b', 'right', 'ab|'],
    ['ab|', 'right', 'ab|'],
    ['x👨‍👩‍👧|', 'left', 'x|👨‍👩‍👧'],
    ['|é', 'right', 'é|'],
    ['\n|abc', 'left', '|\nabc'],
    ['a\n|', 'left', 'a|\n'],
    ['one two|', 'wordLeft', 'one |two'],
    ['one, |', 'wordLeft', '|one, '],
    ['|one two', 'wordRight', 'one| two'],
    ['one| … zwölf!', 'wordRight', 'one … zwölf|!'],
    ['日本|語 x', 'wordRight', '日本語| x'],
    ['ab\ncd|', 'lineStart', 'ab\n|cd'],
    ['|\nab', 'lineStart', '|\nab'],
    ['a|b\ncd', 'lineEnd', 'ab|\ncd'],
    ['ab\nc|d', 'lineEnd', 'ab\ncd|'],
  ]
  for (const [before, motion, after] of cases)
    t.equal(show(move(at(before), motion)), after, `${motion} ${before}`)
})

t.test('erasing', async (t) => {
  const cases: readonly [string, Motion, string][] = [
    ['ab|c', 'left', 'a|c'],
    ['a|bc', 'right', 'a|c'],
    ['🙂|', 'left', '|'],
    ['one two |x', 'wordLeft', 'one |x'],
    ['one| two', 'wordRight', 'one|'],
    ['ab\ncd|e', 'lineStart', 'ab\n|e'],
    ['a|b\ncd', 'lineEnd', 'a|\ncd'],
    ['ab|\ncd', 'lineEnd', 'ab|cd'],
    ['ab\n|cd', 'lineStart', 'ab|cd'],
    ['|', 'left', '|'],
    ['|', 'right', '|'],
  ]
  for (const [before, motion, after] of cases)
    t.equal(show(erase(at(before), motion)), after, `${motion} ${before}`)
  t.equal(show(insert(at('a|c'), 'bb')), 'abb|c')
  t.equal(show(edit('abc')), 'abc|')
})

t.test('rows on the screen', async (t) => {
  const up = (text: string, width: number) => moveRow(at(text), width, -1)
  const down = (text: string, width: number) => moveRow(at(text), width, 1)
  const moved = (editor: Editor | undefined) => editor && show(editor)
  t.equal(moved(up('abc\nd|e', 10)), 'a|bc\nde')
  t.equal(moved(down('abc|\nde', 10)), 'abc\nde|')
  t.equal(up('a|b\nc', 10), undefined)
  t.equal(down('ab\nc|', 10), undefined)
  t.equal(moved(up('aaaa bbbb cc|', 5)), 'aaaa bb|bb cc', 'rows that were broken count')
  t.equal(moved(down('aaaa| bbbb', 5)), 'aaaa bbbb|')
  t.equal(moved(up('日本\nabc|', 10)), '日|本\nabc', 'columns, not characters')
})

t.test('the place of the cursor', async (t) => {
  const place = (text: string, width: number) => {
    const { row, column } = layout(at(text), width)
    return [row, column]
  }
  t.strictSame(place('|', 5), [0, 0])
  t.strictSame(place('ab\n|', 5), [1, 0])
  t.strictSame(place('aaaaa|', 5), [0, 5])
  t.strictSame(place('aaaaa|b', 5), [1, 0])
  t.strictSame(place('日本|', 5), [0, 4])
  t.strictSame(place('日本語|', 5), [1, 2])
})

t.test('any keys leave a cursor between characters', async (t) => {
  const motions = ['left', 'right', 'wordLeft', 'wordRight', 'lineStart', 'lineEnd'] as const
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('move', 'erase'), motion: fc.constantFrom(...motions) }),
    fc.record({ kind: fc.constant('row'), by: fc.constantFrom(-1, 1) }),
    fc.record({ kind: fc.constant('insert'), text: fc.string({ unit: 'grapheme', maxLength: 5 }) }),
  )
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.array(step),
      fc.integer({ min: 1, max: 12 }),
      (text, steps, width) => {
        let editor = edit(text)
        for (const s of steps) {
          if ('text' in s) editor = insert(editor, s.text)
          else if ('by' in s) editor = moveRow(editor, width, s.by as -1 | 1) ?? editor
          else editor = s.kind === 'move' ? move(editor, s.motion) : erase(editor, s.motion)
          const { row, column, rows } = layout(editor, width)
          if (!(editor.cursor >= 0 && editor.cursor <= editor.text.length)) return false
          if (!(row >= 0 && row < rows.length && column >= 0 && column <= width)) return false
        }
        return !/\p{Cs}/u.test(editor.text)
      },
    ),
  )
  t.pass('held for all')
})
