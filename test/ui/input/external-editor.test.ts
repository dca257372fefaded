import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { editExternally } from '../../../src/ui/input/external-editor.js'

const skip = process.platform === 'win32' ? 'uses a shell' : false

t.test('the text goes through the editor of the environment', { skip }, async (t) => {
  const shout = 'sh -c \'tr a-z A-Z < "$1" > "$1.new" && mv "$1.new" "$1"\' sh'
  t.equal(editExternally('two\nlines', { EDITOR: shout }), 'TWO\nLINES', 'with options')
  t.equal(editExternally('x', { VISUAL: 'true', EDITOR: 'false' }), 'x', 'VISUAL goes first')
  const copy = join(t.testdir(), 'path')
  t.equal(
    editExternally('a\n', { VISUAL: `printf "%s" > ${copy}` }),
    'a',
    'one line end at the end is the editor’s',
  )
  const path = readFileSync(copy, 'utf8')
  t.match(path, /openelm-.*\.md$/)
  t.notOk(existsSync(path), 'nothing stays')
})

t.test('an editor that fails', { skip }, async (t) => {
  t.throws(() => editExternally('x', { EDITOR: 'exit 3 #' }), { code: 'E_USAGE', why: 'It ended with 3.' })
  t.throws(() => editExternally('x', { EDITOR: 'no-such-editor-here 2> /dev/null' }), { code: 'E_USAGE' })
})
