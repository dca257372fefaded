/** The chat in a real terminal, on the model that ships. Runs what `npm run build:ts` has built. */
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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
  interactive = false,
) {
  const state = env.XDG_STATE_HOME ?? t.testdir()
  // Ink draws nothing live where CI is set.
  const unset = { CI: undefined, CONTINUOUS_INTEGRATION: undefined, OPENELM_MODEL: undefined }
  const environment = { ...unset, XDG_STATE_HOME: state, ...env }
  const terminal = new Terminal(['chat', ...args], size, environment, interactive)
  t.teardown(() => terminal.close())
  const chatsDir = join(state, 'openelm', 'chats')
  return { terminal, state, chatsDir, historyFile: join(state, 'openelm', 'history.jsonl') }
}

/** Waits for something that is not on the screen. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1200 && !holds(); i++) await sleep(50)
  if (!holds()) throw new Error(`Waited in vain for ${holds}`)
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

t.test('kill -9: the next chat goes on where this one was', { skip }, async (t) => {
  const { terminal, state, chatsDir } = open(t)
  await terminal.until(/Ask something/)
  terminal.type('Define ocean.')
  terminal.press('Enter')
  await terminal.until(/hydrosphere[\s\S]*tok\/s · first/)
  await until(() =>
    readFileSync(join(chatsDir, readdirSync(chatsDir)[0] ?? ''), 'utf8').includes('hydrosphere'),
  )
  terminal.signal('SIGKILL')
  await terminal.until(/exit code 137/)

  const next = open(t, ['--continue'], [80, 24], { XDG_STATE_HOME: state })
  await next.terminal.until(/Loaded 1 turn\.\n\n› Define ocean\.\n\nOcean is a noun/)
  next.terminal.type('Define dog.')
  next.terminal.press('Enter')
  await next.terminal.until(/› Define dog\.\n\n\S[\s\S]*tok\/s · first/)
  next.terminal.press('C-d')
  await next.terminal.until(RESTORED)
  t.equal(readdirSync(chatsDir).length, 1, 'it is one chat')
  t.match(readFileSync(join(chatsDir, readdirSync(chatsDir)[0] ?? ''), 'utf8'), /Define dog\./)
})

t.test('a screen is resized while a reply comes', { skip }, async (t) => {
  const slow = ['--temp', '3', '--seed', '1', '--logit-bias', '2-inf', '--isa', 'reference', '-t', '1']
  const { terminal, chatsDir } = open(t, slow, [60, 20])
  await terminal.until(/Ask something/)
  terminal.type('List the senses of light.')
  terminal.press('Enter')
  await terminal.until(/senses of light\.\n\n\S/)
  for (const [columns, rows] of [
    [30, 12],
    [20, 10],
    [40, 20],
  ] as const) {
    terminal.resize(columns, rows)
    const { length } = terminal.screen.split('\n')
    await until(() => terminal.screen.split('\n').length > length + 3)
  }
  terminal.press('C-c')
  const screen = await terminal.until(/Stopped\./)
  const saved = readFileSync(join(chatsDir, readdirSync(chatsDir)[0] ?? ''), 'utf8')
  const answer = saved.split('\n').find((line) => line.startsWith('{"type":"answer"')) ?? '{}'
  const words = (JSON.parse(answer) as { assistant: string }).assistant.match(/[a-z]{3,}/gi) ?? []
  t.ok(words.length > 20)
  const shown = screen.replace(/\n/g, '')
  t.strictSame(
    words.slice(-8).filter((word) => !shown.includes(word)),
    [],
    'what came after the last change is all there',
  )
  t.equal(screen.match(/Stopped\./g)?.length, 1)
})

t.test('a screen that gets narrower keeps nothing of the live rows behind', { skip }, async (t) => {
  const { terminal } = open(t, [], [60, 20])
  await terminal.until(/Ask something/)
  // With little on the screen tmux moves what it breaks out of reach.
  terminal.type('/help')
  terminal.press('Enter')
  await terminal.until(/leave, when the/)
  terminal.type('A draft that is almost as wide as the screen was, and goes on.')
  await terminal.until(/goes on\./)
  for (const columns of [41, 20, 70, 33]) {
    terminal.resize(columns, 20)
    // Drawn anew: words are broken where there is a blank, not where the terminal did it.
    await until(() => inputRows(terminal).every((row) => row.length <= columns && /^(› A| {2}\S)/.test(row)))
    t.equal(terminal.screen.match(/A draft/g)?.length, 1, `${columns}: one input`)
    t.equal(terminal.screen.match(/\/256/g)?.length, 1, `${columns}: one status line`)
  }
  terminal.press('C-u')
  await terminal.until(/› Ask something/)
})

/** The rows of the input above the status line. */
function inputRows(terminal: Terminal): string[] {
  const [, input = ''] = /\n\n(› A [^\n]*(?:\n[^\n]+)*)\n[^\n]*\/256$/.exec(terminal.screen) ?? []
  return input.split('\n')
}

t.test('Ctrl+G writes in an editor, Ctrl+Z suspends', { skip }, async (t) => {
  const state = t.testdir()
  const editor = join(state, 'edit')
  writeFileSync(editor, '#!/bin/sh\necho "the editor has the terminal"\necho "Define ocean." > "$1"\n')
  chmodSync(editor, 0o755)
  const { terminal } = open(t, [], [80, 24], { VISUAL: editor, XDG_STATE_HOME: state }, true)
  await terminal.until(/Ask something/)
  terminal.type('draft')
  await terminal.until(/› draft/)
  terminal.press('C-g')
  await terminal.until(/the editor has the terminal[\s\S]*› Define ocean\./)
  terminal.press('C-z')
  await terminal.until(/Stopped/)
  terminal.type('echo "still $((40 + 2))"')
  terminal.press('Enter')
  await terminal.until(/still 42/)
  terminal.type('fg')
  terminal.press('Enter')
  await terminal.until(/fg[\s\S]*› Define ocean\./)
  terminal.press('Enter')
  await terminal.until(/hydrosphere/)
  terminal.paste('one\ntwo')
  await terminal.until(/› one\n {2}two/)
  terminal.press('C-u', 'C-u', 'C-u', 'C-l')
  await terminal.until(/Ask something/)
  terminal.press('C-d')
  await terminal.until(/\$$/)
  terminal.type('echo "left with $?"')
  terminal.press('Enter')
  await terminal.until(/left with 0/)
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
