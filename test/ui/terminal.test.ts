/** The chat in a real terminal, on the model that ships. Runs what `npm run build:ts` has built. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { root } from '../support/files.js'
import { hasTmux, Terminal } from './tmux.js'

const bin = `${root}bin/openelm.js`
const skip = hasTmux ? false : 'tmux is not installed'

function open(
  t: Test,
  args: readonly string[] = [],
  size: readonly [number, number] = [80, 24],
  env: Record<string, string> = {},
) {
  const state = t.testdir()
  // Ink draws nothing live where CI is set.
  const unset = { CI: undefined, CONTINUOUS_INTEGRATION: undefined, OPENELM_MODEL: undefined }
  const terminal = new Terminal(['chat', ...args], size, { ...unset, XDG_STATE_HOME: state, ...env })
  t.teardown(() => terminal.close())
  return { terminal, historyFile: join(state, 'openelm', 'history.jsonl') }
}

/** The terminal echoes and edits lines again. */
const RESTORED = /exit code \d+\nicanon$/

t.test('asks, answers, leaves', { skip }, async (t) => {
  const { terminal, historyFile } = open(t)
  await terminal.until(/Ask something/)
  t.equal(terminal.cursor, '2,2 shown', 'the cursor stands in the input')
  terminal.type('Define ocean.')
  await terminal.until(/› Define ocean\./)
  t.equal(terminal.cursor, '15,2 shown')
  terminal.press('Enter')
  const screen = await terminal.until(/hydrosphere[\s\S]*tok\/s/)
  t.match(screen, /› Define ocean\.\n\nOcean is a noun\. It means "a large body of water constituting/)
  terminal.type('/exit')
  terminal.press('Enter')
  t.match(await terminal.until(RESTORED), /exit code 0\n/)
  t.notMatch(terminal.screen, /Ask something/)
  t.match(terminal.cursor, 'shown')
  t.equal(readFileSync(historyFile, 'utf8'), '{"text":"Define ocean."}\n{"text":"/exit"}\n')
})

t.test('a reply longer than the screen; Ctrl-C stops it, twice leaves with 130', { skip }, async (t) => {
  // Slow kernels and no end of text, so that there is something to stop.
  const endless = ['--temp', '3', '--seed', '1', '--logit-bias', '2-inf', '--isa', 'reference', '-t', '1']
  const { terminal } = open(t, endless, [30, 10])
  await terminal.until(/Ask something/)
  const record = join(t.testdir(), 'output')
  terminal.record(record)
  terminal.type('List the senses of light.')
  terminal.press('Enter')
  await terminal.until(/senses of light\.\n\n(.+\n){12}/)
  terminal.press('C-c')
  await terminal.until(/Stopped\./)
  const output = readFileSync(record, 'utf8')
  t.match(output, 'senses of light', 'what was written is recorded')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what clears a screen or what has scrolled off it
  t.notMatch(output, /\x1b\[[23]J/, 'only the live rows are drawn again')
  terminal.press('C-c')
  await terminal.until(/Press Ctrl\+C again to leave/)
  terminal.press('C-c')
  t.match(await terminal.until(RESTORED), /exit code 130\n/)
})

t.test('several lines, pasted and typed; a narrow terminal; NO_COLOR', { skip }, async (t) => {
  const { terminal } = open(t, [], [24, 16], { NO_COLOR: '1' })
  await terminal.until(/Ask something/)
  terminal.paste('one\ntwo')
  terminal.press('M-Enter')
  terminal.type('日本')
  await terminal.until(/› one\n {2}two\n {2}日本/)
  t.match(terminal.cursor, /^6,\d+ shown$/, 'wide characters take two columns')
  terminal.press('C-c')
  await terminal.until(/Press Ctrl\+C again/)
  terminal.type('Define ocean.')
  terminal.press('Enter')
  const screen = await terminal.until(/hydrosphere/)
  t.ok(
    screen.split('\n').every((line) => line.length <= 24),
    screen,
  )
  terminal.resize(40, 16)
  terminal.type('/stats')
  terminal.press('Enter')
  await terminal.until(/turns dropped/)
  terminal.press('C-d')
  await terminal.until(/exit code 0/)
})

t.test('a signal from outside leaves a usable terminal', { skip }, async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { terminal } = open(t)
    await terminal.until(/Ask something/)
    terminal.signal(signal)
    t.match(await terminal.until(RESTORED), /exit code 130\n/, signal)
    t.match(terminal.cursor, 'shown')
  }
})

t.test('without a terminal it points to run', async (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'chat'], {
    input: 'Hi\n',
    encoding: 'utf8',
  })
  t.equal(status, 2)
  t.equal(stdout, '')
  t.match(stderr, /The chat needs a terminal.*E_NO_TTY[\s\S]*openelm run/)
})

t.test('a model that cannot be loaded is told before the screen changes', { skip }, async (t) => {
  const { terminal } = open(t, ['-m', join(root, 'package.json')])
  t.match(await terminal.until(RESTORED), /^error: [\s\S]*next: [\s\S]*exit code 1\n/)
})
