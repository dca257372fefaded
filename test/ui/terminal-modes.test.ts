import t from 'tap'
import { afterReflow, makeRoom, reflows } from '../../src/ui/terminal-modes.js'

t.test('which terminals break rows when they get narrower', async (t) => {
  t.ok(reflows({ TERM: 'xterm-256color' }))
  t.ok(reflows({ TERM: 'tmux-256color', TMUX: '/tmp/tmux', XTERM_VERSION: 'XTerm(379)' }), 'tmux in xterm')
  t.notOk(reflows({ TERM: 'xterm', XTERM_VERSION: 'XTerm(379)' }))
  t.notOk(reflows({ TERM: 'screen', STY: '1.pts' }))
  t.notOk(reflows({ TERM: 'linux' }))
})

t.test('room below the cursor', async (t) => {
  t.equal(makeRoom(0), '')
  t.equal(makeRoom(2), '\n\n\x1b[2A')
})

t.test('live rows that were broken are erased', async (t) => {
  t.equal(afterReflow([0, 30], 4, 2, 40), '\x1b[2A\r\x1b[J\n\n\n\n\x1b[2A', 'nothing was broken')
  t.equal(
    afterReflow([0, 30], 25, 2, 20),
    '\x1b[4A\r\x1b[J\n\n\n\n\x1b[2A',
    'the row above and the one with the cursor',
  )
  t.equal(afterReflow([], 0, 1, 20), '\r\x1b[J\n\x1b[1A')
})
