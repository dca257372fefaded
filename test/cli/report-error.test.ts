import tap from 'tap'
import { exitCodeOf, formatError } from '../../src/cli/report-error.js'
import { OpenElmError } from '../../src/errors.js'

tap.test('an error becomes at most three lines', async (t) => {
  t.equal(
    formatError(
      new OpenElmError('E_FORMAT', 'a.gguf is broken.', { why: 'It ends early.', next: 'Get it again.' }),
    ),
    'error: a.gguf is broken. (E_FORMAT)\nwhy:   It ends early.\nnext:  Get it again.\n',
  )
  t.equal(formatError(new OpenElmError('E_FORMAT', 'Broken.')), 'error: Broken. (E_FORMAT)\n')
})

tap.test('names from files cannot take over the terminal or add lines', async (t) => {
  const text = formatError(new OpenElmError('E_FORMAT', 'a\x1b[2Jb\r\nc\u009bd\u2028e', { why: 'x\n\n  y' }))
  t.equal(text, 'error: a\\x1b[2Jb c\\x9bd\\x2028e (E_FORMAT)\nwhy:   x y\n')
})

tap.test('what is not ours is a bug, and says so', async (t) => {
  t.match(
    formatError(new TypeError('x is undefined')),
    /^error: Unexpected error: x is undefined .*\nwhy: .*bug.*\nnext: .*OPENELM_DEBUG/,
  )
  t.match(formatError('thrown text'), /thrown text/)
})

tap.test('exit codes', async (t) => {
  t.equal(exitCodeOf(new OpenElmError('E_USAGE', 'x')), 2)
  t.equal(exitCodeOf(new OpenElmError('E_ABORTED', 'x')), 130)
  t.equal(exitCodeOf(new OpenElmError('E_MEMORY', 'x')), 1)
  t.equal(exitCodeOf(new Error('x')), 1)
})
