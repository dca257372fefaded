import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { KEY, openChat } from './harness.js'

const SLOW = () => sleep(20)
const endless = { pieces: Array.from({ length: 2000 }, (_, i) => `w${i} `), pause: SLOW }

t.test('a question is answered and both stay on the screen', async (t) => {
  const { type, until, chat } = await openChat(t, {
    scripts: [{ pieces: ['An ocean', ' is a large', ' body of water.'] }],
  })
  await type('Define ocean.', KEY.enter)
  t.equal(
    await until(/tok\/s/),
    `openelm test

› Define ocean.

An ocean is a large body of water.

› Ask something, or type /help
Scripted-1M · 18 tok/s · context █░░░░░░░░░ 66/1000`,
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
  const dir = t.testdir()
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
  const dir = t.testdir({ 'history.jsonl': {} })
  const { type, until } = await openChat(t, { dir })
  await type('one', KEY.enter)
  await until((frame) => /input history could not be written/.test(frame) && /\nok\n/.test(frame))
})

t.test('/help lists every command and key', async (t) => {
  const { type, until } = await openChat(t)
  await type('/help', KEY.enter)
  const frame = await until(/delete a word/)
  for (const name of ['help', 'system', 'clear', 'retry', 'edit', 'save', 'load', 'set', 'stats', 'exit']) {
    t.match(frame, new RegExp(`^/${name}\\b.* {2}\\S`, 'm'))
  }
})

t.test('unknown commands suggest the nearest', async (t) => {
  const { type, until, engine } = await openChat(t)
  await type('/hlep', KEY.enter)
  await until(/There is no command \/hlep\.\nDid you mean \/help\?/)
  await type('/usr/bin', KEY.enter)
  await until(/begin it with \/\//)
  t.equal(engine.calls.length, 0)
  await type('//usr/bin', KEY.enter)
  await until(/\nok\n/)
  t.match(engine.cache, '<user>/usr/bin</s>')
})

t.test('Tab completes a command', async (t) => {
  const { type, until } = await openChat(t)
  await type('/sy\t')
  await until(/› \/system/)
})

t.test('/system shows, sets and removes', async (t) => {
  const { type, until, engine } = await openChat(t, { system: 'Old.' })
  await type('/system', KEY.enter)
  await until(/System prompt: Old\./)
  await type('/system Be  brief.', KEY.enter, 'x', KEY.enter)
  await until(/\nok\n/)
  t.match(engine.cache, '<s><system>Be  brief.</s><user>x</s>')
  await type('/system off', KEY.enter, 'y', KEY.enter)
  await until(/\nok\n[\s\S]*\nok\n/)
  t.match(engine.cache, /^<s><user>x/)
})

t.test('/retry answers again, /edit changes the question, /clear forgets', async (t) => {
  const { type, until, chat } = await openChat(t, {
    scripts: [{ pieces: ['A1'] }, { pieces: ['A2'] }, { pieces: ['A3'] }, { pieces: ['A4'] }],
  })
  await type('/retry', KEY.enter)
  await until(/Nothing has been asked yet/)
  await type('question', KEY.enter)
  await until(/A1/)
  await type('/retry', KEY.enter)
  await until(/At temperature 0 the answer stays the same[\s\S]*A2/)
  await type('/edit', KEY.enter)
  await until(/edit › question/)
  await type('s', KEY.enter)
  await until(/A3/)
  t.strictSame(chat.conversation.turns, [{ user: 'questions', assistant: 'A3' }])
  await type('/edit', KEY.enter)
  await until(/edit › questions/)
  await type(KEY.escape)
  await until(/\n› Ask something/)
  await type('/edit other', KEY.enter)
  await until(/A4/)
  t.strictSame(chat.conversation.turns, [{ user: 'other', assistant: 'A4' }])
  await type('/clear', KEY.enter)
  await until(/The conversation is cleared/)
  t.strictSame(chat.conversation.turns, [])
})

t.test('/save and /load', async (t) => {
  const dir = t.testdir()
  const first = await openChat(t, { dir, scripts: [{ pieces: ['Answer.'] }] })
  await first.type('Question?', KEY.enter)
  await first.until(/Answer/)
  await first.type(`/save ${dir}/chat.json`, KEY.enter)
  await first.until(/Saved to/)
  await first.type('/save', KEY.enter)
  await first.until(/chats\/\d{4}-\d\d-\d\d-\d{6}\.json/)

  const { type, until, chat, engine } = await openChat(t, { dir })
  await type('/load', KEY.enter)
  await until(/needs the name of a file/)
  await type(`/load ${dir}/none.json`, KEY.enter)
  await until(/Could not read .*none\.json/)
  writeFileSync(`${dir}/notes.txt`, 'mine')
  await type(`/save ${dir}/notes.txt`, KEY.enter)
  await until(/is not replaced/)
  t.equal(readFileSync(`${dir}/notes.txt`, 'utf8'), 'mine')
  await type(`/load ${dir}/chat.json`, KEY.enter)
  await until(/Loaded 1 turn\.\n\n› Question\?\n\nAnswer\./)
  t.equal(chat.conversation.turns.length, 1)
  await type('More', KEY.enter)
  await until(/\nok\n/)
  t.match(engine.cache, '<user>Question?</s><assistant>Answer.</s><user>More</s>')
  t.ok(existsSync(`${dir}/chat.json`))
})

t.test('/set shows and changes options by the schema of the command line', async (t) => {
  const { type, until, engine } = await openChat(t, { given: { temperature: 0.5 } })
  await type('/set', KEY.enter)
  const list = await until(/max-tokens/)
  t.match(list, /^temp +0\.5 /m)
  t.match(list, /^repeat-penalty +1\.2 /m)
  await type(
    '/set temp 0.9',
    KEY.enter,
    '/set top-k 40',
    KEY.enter,
    '/set seed 18446744073709551615',
    KEY.enter,
  )
  await until(/temp is 0\.9[\s\S]*top-k is 40[\s\S]*seed is 18446744073709551615/)
  await type('/set top-p 3', KEY.enter)
  await until(/Expected a number between 0 and 1 for top-p but received 3\./)
  await type('/set temp warm', KEY.enter)
  await until(/for temp but received "warm"/)
  await type('/set tempp 1', KEY.enter)
  await until(/There is no setting "tempp"\.\nDid you mean "temp"\?/)
  await type('x', KEY.enter)
  await until(/\nok\n/)
  t.match(engine.calls[0]?.options, { temperature: 0.9, topK: 40, seed: 18446744073709551615n })
  await type('/set temp default', KEY.enter)
  await until(/temp is 0\.5/)
})

t.test('/stats shows what was reused and what was evaluated', async (t) => {
  const { type, until } = await openChat(t, {
    scripts: [{ pieces: ['1'] }, { pieces: ['2'] }],
  })
  await type('a', KEY.enter)
  await until(/\n1\n/)
  await type('b', KEY.enter)
  await until(/\n2\n/)
  await type('/stats', KEY.enter)
  const frame = await until(/turns dropped/)
  t.match(frame, /^prompt tokens +61$/m)
  t.match(frame, /^ {2}reused from the cache +21 \(34 %\)$/m)
  t.match(frame, /^ {2}evaluated +40, 40 tokens\/s$/m)
  t.match(frame, /^generated tokens +4, 0\.5 tokens\/s$/m)
  t.match(frame, /^context used +\d+ of 1000 \(\d %\)$/m)
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
