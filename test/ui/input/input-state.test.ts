import t from 'tap'
import { bind } from '../../../src/ui/input/bindings.js'
import {
  changed,
  editInput,
  endSearch,
  type InputState,
  reduceInput,
  searchInput,
  startInput,
} from '../../../src/ui/input/input-state.js'
import { KeyDecoder } from '../../../src/ui/input/keys.js'
import { bindSearch } from '../../../src/ui/input/search.js'
import { inputMark, inputView } from '../../../src/ui/input/view.js'

const HISTORY = ['make tea', 'Define ocean.', 'make coffee', 'define sea']

/** The input after keys were pressed, as a terminal sends them. */
function press(keys: readonly string[], history = HISTORY, start = startInput(history)): InputState {
  const decoder = new KeyDecoder()
  let state = start
  for (const key of keys.flatMap((sent) => [...decoder.push(sent), ...decoder.flush()])) {
    const searching = state.search && bindSearch(key)
    if (searching) {
      state = searchInput(state, searching, history)
      continue
    }
    state = endSearch(state)
    const action = bind(key, state.prefixed)
    if (action) state = reduceInput(state, action, history, 40)
  }
  return state
}

const show = ({ editor: { text, cursor } }: InputState) => `${text.slice(0, cursor)}|${text.slice(cursor)}`
const letters = (text: string) => [...text]
const CTRL_R = '\x12'
const CTRL_S = '\x13'

t.test('what was deleted comes back: Ctrl+Y', async (t) => {
  t.equal(
    show(press(['one two three', '\x17', '\x17', '\x01', '\x19'])),
    'two three|one ',
    'words in a row together',
  )
  t.equal(show(press(['one two', '\x15', 'x', '\x19'])), 'xone two|')
  t.equal(
    show(press(['one two', '\x01', '\x1bd', '\x1bd', '\x19', '\x19'])),
    'one twoone two|',
    'forwards too',
  )
  t.equal(show(press(['one two', '\x17', 'x', '\x17', '\x19'])), 'one x|', 'only the last')
  t.equal(show(press(['a', '\x7f', '\x19'])), '|', 'single characters are not kept')
})

t.test('undo: Ctrl+_ and Ctrl+X Ctrl+U', async (t) => {
  t.equal(show(press([...letters('one two'), '\x1f'])), 'one |', 'a word at a time')
  t.equal(show(press([...letters('one two'), '\x17', '\x1f'])), 'one two|')
  t.equal(show(press([...letters('one'), '\x18', '\x15', '\x1f'])), '|', 'and no further than the start')
  t.equal(show(press(['\x1b[A', '\x1f'])), '|', 'what the history put in')
  const many = press(Array.from({ length: 300 }, () => [' ', 'x']).flat())
  t.ok(many.undo.length <= 100)
  t.equal(changed(many, many.editor, undefined).undo, many.undo, 'nothing changed, nothing to undo')
})

t.test('searching the history: Ctrl+R', async (t) => {
  t.equal(show(press([CTRL_R, 'make'])), 'make| coffee', 'the last one with it')
  t.equal(show(press([CTRL_R, 'make', CTRL_R])), 'make| tea', 'an older one')
  t.equal(show(press([CTRL_R, 'make', CTRL_R, CTRL_R])), 'make| tea', 'there is none')
  t.equal(show(press([CTRL_R, 'make', CTRL_R, CTRL_S])), 'make| coffee', 'a newer one')
  t.equal(show(press([CTRL_R, 'define o'])), 'Define o|cean.', 'big or small letters')
  t.equal(show(press([CTRL_R, 'make t', '\x7f', '\x7f'])), 'make| coffee', 'less of it, from the end again')
  t.equal(show(press(['draft', CTRL_R, 'sea', '\x1b'])), 'draft|', 'Escape puts the draft back')
  t.equal(show(press(['draft', CTRL_R, 'sea', '\x07'])), 'draft|', 'Ctrl+G too')
  t.equal(show(press([CTRL_R, 'tea', '\x05', '!'])), 'make tea!|', 'other keys go on with what was found')
  t.equal(
    show(press(['draft', CTRL_R, 'coffee', '\x1b[F', '\x1b[B', '\x1b[B'])),
    'draft|',
    'the draft is after the last',
  )
  t.equal(press([CTRL_R, 'zzz']).search?.found, undefined)
  t.equal(show(press(['draft', CTRL_R, 'zzz'])), 'draft|')
  t.equal(show(press([CTRL_R, 'make'], [])), '|')
})

t.test('Ctrl+X waits for a second key', async (t) => {
  t.strictSame(bind({ name: 'letter', text: 'e', ctrl: true, alt: false, shift: false }, true), {
    type: 'editor',
  })
  t.equal(show(press(['ab', '\x18', '\x1b[D', '\x05', 'c'])), 'abc|', 'any other key is itself')
})

t.test('what stands before the input', async (t) => {
  const mark = (state: InputState, width = 80) => inputMark(state, width).text
  t.equal(mark(startInput([])), '› ')
  t.equal(mark(editInput([], 'x', 12)), 'edit 12 › ')
  t.equal(mark(press([CTRL_R, 'make'])), 'search: make › ')
  t.equal(mark(press([CTRL_R, 'zzz'])), 'not found: zzz › ')
  t.equal(mark(press([CTRL_R, 'make']), 20), 'search:…› ', 'at most half the screen')
  for (let width = 1; width < 20; width++) t.ok(inputMark(press([CTRL_R, 'make']), width).room >= 1)
})

t.test('the rows around the cursor', async (t) => {
  const editor = { text: Array.from({ length: 30 }, (_, i) => `row ${i}`).join('\n'), cursor: 0 }
  const mark = { text: '› ', room: 20 }
  t.match(inputView(editor, mark, 4), {
    rows: ['row 0', 'row 1', 'row 2', 'row 3'],
    fromStart: true,
    row: 0,
    column: 2,
  })
  t.match(inputView({ ...editor, cursor: editor.text.length }, mark, 4), {
    fromStart: false,
    row: 3,
    column: 8,
  })
  t.match(inputView({ ...editor, cursor: 70 }, mark, 1), { rows: ['row 11'], row: 0, fromStart: false })
})
