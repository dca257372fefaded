import { mkdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { temporaryFolder } from '../support/lexicon.js'
import { KEY, openChat } from './harness.js'

const SLOW = () => sleep(20)
const endless = { pieces: Array.from({ length: 2000 }, (_, i) => `w${i} `), pause: SLOW }

t.test('a question is answered and both stay on the screen', async (t) => {
  const { type, until, chat } = await openChat(t, {
    scripts: [{ pieces: ['An ocean', ' is a large', ' body of water.'] }],
  })
  await type('Define ocean.', KEY.enter)
  t.equal(
    await until(/17 tok\/s/),
    `openelm test

› Define ocean.

An ocean is a large body of water.

› Ask something, or type /help
Scripted-1M · 17 tok/s · first 500 ms · context █░░░░░░░░░ 66/1000`,
  )
  t.equal(chat.conversation.turns.length, 1)
})

t.test('a long reply is printed row by row while it is written; only its end is live', async (t) => {
  const { type, until, screen } = await openChat(t, { scripts: [endless] })
  await type('go', KEY.enter)
  const frame = await until(/w60 /)
  const rows = frame.split('\n')
  const reply = rows.slice(4, rows.findIndex((row) => row.startsWith('› Ask')) - 1)
  t.ok(reply.length > 1)
  t.ok(reply.every((row) => row.length <= 100 && row !== ''))
  t.equal(
    reply.join(' '),
    Array.from({ length: reply.join(' ').split(' ').length }, (_, i) => `w${i}`).join(' '),
  )
  await type(KEY.ctrl('c'))
  await until(/Stopped\./)
  const updates = screen.frames.filter((f) => / w\d/.test(f)).length
  t.ok(updates < 60, `tokens are gathered: ${updates} drawings`)
})

t.test('Ctrl-C stops a reply and keeps what was written; typing ahead is possible', async (t) => {
  const { type, until, chat, engine } = await openChat(t, {
    scripts: [endless, { pieces: ['Fine.'] }],
  })
  await type('first', KEY.enter)
  await until(/w3 /)
  await type('second', KEY.enter)
  await until(/A reply is being written/)
  await type(KEY.ctrl('c'))
  await until(/Stopped\./)
  t.match(chat.conversation.turns[0]?.assistant, /^w0 w1 w2 w3 /)
  await type(KEY.enter)
  await until(/Fine\./)
  t.match(engine.cache, /<assistant>w0 w1 [^<]*<\/s><user>second<\/s><assistant>Fine/)
})

t.test('Ctrl-C twice at the prompt leaves with 130, Ctrl-D and /exit with 0', async (t) => {
  for (const [keys, code] of [
    [[KEY.ctrl('c'), KEY.ctrl('c')], 130],
    [[KEY.ctrl('d')], 0],
    [['/exit', KEY.enter], 0],
  ] as const) {
    const { type, until, exitCode } = await openChat(t)
    await type(...keys)
    t.equal(await exitCode, code)
    t.notMatch(await until(/openelm test/), /Ask something/, 'the input is taken off the screen')
  }
})

t.test('one Ctrl-C clears the input and says how to leave; another key takes it back', async (t) => {
  const { type, until } = await openChat(t)
  await type('some text', KEY.ctrl('c'))
  t.notMatch(await until(/Press Ctrl\+C again to leave/), /some text/)
  await type('x', KEY.ctrl('c'))
  await until(/Press Ctrl\+C again to leave/)
  await type(KEY.ctrl('d'))
})

t.test('several lines: Alt+Enter, Ctrl+J, backslash, paste', async (t) => {
  const { type, until, chat } = await openChat(t)
  await type('a', KEY.altEnter, 'b', '\n', 'c\\', KEY.enter, KEY.paste('d\r\ne\x1b[31m\tf'))
  const frame = await until(/ {2}e/)
  t.match(frame, '› a\n  b\n  c\n  d\n  e�[31m    f\n')
  await type(KEY.enter)
  await until(/\nok\n/)
  t.equal(chat.conversation.turns[0]?.user, 'a\nb\nc\nd\ne�[31m    f')
})

t.test('editing keys', async (t) => {
  const { type, until, chat } = await openChat(t)
  await type(
    'brown fox',
    KEY.home,
    'the ',
    KEY.alt('f'),
    ' quick',
    KEY.ctrl('e'),
    '!',
    KEY.left,
    KEY.backspace,
    'z',
  )
  await type(KEY.ctrl('w'), 'dog', KEY.delete, KEY.enter)
  await until(/\nok\n/)
  t.equal(chat.conversation.turns[0]?.user, 'the brown quick dog')
})

t.test('history: Up and Down, kept for the next chat, the draft comes back', async (t) => {
  const dir = temporaryFolder(t)
  const first = await openChat(t, { dir })
  await first.type('one', KEY.enter)
  await first.until(/\nok\n/)
  await first.type('two\nlines', KEY.enter)
  await first.until(/\nok\n[\s\S]*\nok\n/)
  await first.type(KEY.ctrl('d'))
  await first.exitCode
  t.equal(readFileSync(first.historyPath, 'utf8'), '{"text":"one"}\n{"text":"two\\nlines"}\n')

  const { type, until } = await openChat(t, { dir })
  await type('draft', KEY.up)
  await until(/› two\n {2}lines/)
  await type(KEY.up, KEY.up)
  await until(/› one/)
  await type(KEY.down, KEY.down, KEY.down)
  await until(/› draft/)
})

t.test('a history that cannot be written is told, and the chat goes on', async (t) => {
  const dir = temporaryFolder(t)
  mkdirSync(`${dir}/history.jsonl`)
  const { type, until } = await openChat(t, { dir })
  await type('one', KEY.enter)
  await until((frame) => /input history could not be written/.test(frame) && /\nok\n/.test(frame))
})

t.test('when old turns go the user is told', async (t) => {
  const { type, until } = await openChat(t, { nCtx: 70 })
  await type('first question', KEY.enter)
  await until(/\nok\n/)
  await type('second question', KEY.enter)
  await until(/The context is full\. The oldest turn went; the model no longer sees it\.[\s\S]*\nok\n/)
  await type('x'.repeat(80), KEY.enter)
  await until(/The message needs \d+ tokens of context\.[\s\S]*--ctx-size/)
})

t.test('a reply that ends early says why, a failure is shown', async (t) => {
  const { type, until } = await openChat(t, {
    scripts: [
      { pieces: ['cut'], finish: 'length' },
      { pieces: ['full'], finish: 'context' },
      { pieces: ['half'], fail: new Error('The engine broke.') },
    ],
  })
  await type('1', KEY.enter)
  await until(/cut\n\nThe reply reached --max-tokens/)
  await type('2', KEY.enter)
  await until(/full\n\nThe context is full; the reply ends here/)
  await type('3', KEY.enter)
  await until(/half\n\nThe engine broke/)
})

t.test('text of the model cannot control the terminal', async (t) => {
  const { type, until } = await openChat(t, {
    scripts: [{ pieces: ['a\x1b[2Jb\x07c\u2028d'] }],
  })
  await type('x', KEY.enter)
  await until(/a�\[2Jb�c�d/)
})

t.test('a loaded conversation is shown, its end at least', async (t) => {
  const turns = Array.from({ length: 5 }, (_, i) => ({
    user: `q${i}`,
    assistant: i === 4 ? undefined : `a${i}`,
  }))
  const { until } = await openChat(t, { turns })
  const frame = await until(/q4/)
  t.match(frame, 'Loaded 5 turns.\n\n› q2\n\na2\n\n› q3\n\na3\n\n› q4\n\n› Ask')
})

t.test('a signal from outside leaves with 130', async (t) => {
  const controller = new AbortController()
  const { exitCode, until } = await openChat(t, { signal: controller.signal })
  controller.abort()
  t.equal(await exitCode, 130)
  t.notMatch(await until(/openelm test/), /Ask something/)
})
