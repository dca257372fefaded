import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { loadChat } from '../../src/engine/chat/chat-file.js'
import { latestChat } from '../../src/engine/chat/saved-chats.js'
import { THEMES } from '../../src/ui/theme.js'
import { temporaryFolder } from '../support/lexicon.js'
import { KEY, openChat } from './harness.js'

const answers = (...texts: readonly string[]) => texts.map((text) => ({ pieces: [text] }))

t.test('variants of an answer: /retry, Alt+Up, Alt+Down, /variant', async (t) => {
  const { type, until, chat, engine } = await openChat(t, { scripts: answers('A1', 'A2', 'B1') })
  await type('question', KEY.enter)
  await until(/A1/)
  await type('/retry', KEY.enter)
  await until(/A2/)
  await type(KEY.altUp)
  await until(/Variant 1 of 2\.\n\n› question\n\nA1/)
  await type(KEY.altUp, KEY.altDown)
  await until(/Variant 2 of 2\.\n\n› question\n\nA2/)
  await type('/variant 1', KEY.enter)
  await until(/Variant 1 of 2\.[\s\S]*Variant 1 of 2\./)
  await type('next', KEY.enter)
  await until(/B1/)
  t.equal(engine.cache, '<s><user>question</s><assistant>A1</s><user>next</s><assistant>B1')
  await type('/variant 2 1', KEY.enter)
  await until(/Variant 2 of 2 of turn 1\./)
  t.equal(chat.conversation.turns.length, 1)
  await type('/variant 1 1', KEY.enter)
  await until(/Variant 1 of 2 of turn 1\. The conversation goes on to turn 2\.\n\n› next\n\nB1/)
  await type('/variant', KEY.enter)
  await until(/This is variant 1 of 1\./)
  await type('/variant 7', KEY.enter)
  await until(/There is no variant 7\.\nThe turn has only this one\./)
  await type('/variant x', KEY.enter)
  await until(/Expected the number of a variant but received "x"/)
})

t.test('an earlier question is edited: /edit N', async (t) => {
  const { type, until, chat } = await openChat(t, { scripts: answers('1', '2', 'new', 'newer') })
  await type('first', KEY.enter)
  await until(/\n1\n/)
  await type('second', KEY.enter)
  await until(/\n2\n/)
  await type('/edit 1', KEY.enter)
  await until(/edit 1 › first/)
  await type('!', KEY.enter)
  await until(/\nnew\n/)
  t.strictSame(chat.conversation.turns, [{ user: 'first!', assistant: 'new' }])
  await type('/edit 1 other words', KEY.enter)
  await until(/newer/)
  t.equal(chat.conversation.turns[0]?.user, 'other words')
  await type('/edit 9', KEY.enter)
  await until(/There is no turn 9\.\nThe conversation has 1 turn\./)
  await type('/variant 1', KEY.enter)
  await until(/Variant 1 of 3 of turn 1\. The conversation goes on to turn 2\./)
  t.equal(chat.conversation.turns.length, 2, 'the turn after it is there again')
  await type(KEY.altDown)
  await until(/Variant 2 of 3 of turn 1\./)
})

t.test('/back, /forward, /turns, /raw', async (t) => {
  const { type, until, chat } = await openChat(t, { scripts: answers('**1**', '2', '3') })
  await type('/back', KEY.enter)
  await until(/Nothing has been asked yet/)
  await type('first', KEY.enter)
  await until(/\n1\n/)
  await type('second', KEY.enter)
  await until(/\n2\n/)
  await type('/undo', KEY.enter)
  await until(/Back at turn 1\.\n\n› first\n\n1\n/)
  await type('/raw', KEY.enter)
  await until(/\*\*1\*\*/)
  await type('/redo', KEY.enter)
  await until(/Forward to turn 2\.\n\n› second\n\n2\n/)
  await type('/retry', KEY.enter)
  await until(/\n3\n/)
  await type('/turns', KEY.enter)
  await until(/^1 {2}first\n2 {2}second {2}variant 2 of 2$/m)
  await type('/back 2', KEY.enter)
  await until(/Back at the beginning\./)
  t.equal(chat.conversation.turns.length, 0)
  await type('/forward', KEY.enter, '/forward', KEY.enter, '/forward', KEY.enter)
  await until(/There is no later turn/)
})

t.test('every chat is saved as it happens; /chats, /load, /export', async (t) => {
  const dir = temporaryFolder(t)
  const first = await openChat(t, { dir, scripts: answers('A1', 'A2') })
  await first.type('/chats', KEY.enter)
  await first.until(/There are no chats in/)
  await first.type('question one', KEY.enter)
  await first.until(/A1/)
  await first.type('/retry', KEY.enter)
  await first.until(/A2/)
  await first.type('/clear', KEY.enter, 'question two', KEY.enter)
  await first.until(/\nok\n/)
  await first.type(KEY.ctrl('d'))
  await first.exitCode
  t.equal(readdirSync(`${dir}/chats`).length, 2)
  t.strictSame((await loadChat(await latestChat(`${dir}/chats`))).conversation.turns, [
    { user: 'question two', assistant: 'ok' },
  ])

  const { type, until, chat } = await openChat(t, { dir })
  await type('/chats', KEY.enter)
  await until(/^1 .* question two\n2 .* question one$/m)
  await type('/load 2', KEY.enter)
  await until(/Loaded 1 turn\.\n\n› question one\n\nA2/)
  t.strictSame(chat.variant(), { number: 2, count: 2 }, 'variants are kept')
  await type('/load 3', KEY.enter)
  await until(/There is no chat 3/)
  await type(`/export ${dir}/chat.md`, KEY.enter)
  await until(/Exported to/)
  t.match(readFileSync(`${dir}/chat.md`, 'utf8'), '> question one\n\nA2\n')
  await type('/export', KEY.enter)
  await until(/\/export needs the name of a file/)
})

t.test('a chat that cannot be saved goes on and says so', async (t) => {
  const dir = t.testdir({ chats: 'a file where the folder should be' })
  const { type, until } = await openChat(t, { dir })
  await type('question', KEY.enter)
  await until((frame) => /The chat is not saved any more/.test(frame) && /\nok\n/.test(frame))
})

t.test('/theme changes the colours of what follows', async (t) => {
  const { type, until } = await openChat(t)
  await type('/theme', KEY.enter)
  await until(/The theme is dark\./)
  await type('/theme none', KEY.enter)
  await until(/The theme is none from here on\./)
  await type('/theme pink', KEY.enter)
  await until(/There is no theme "pink"\.\nThemes are dark, light, none\./)
  t.ok(Object.values(THEMES.none).every((style) => !('color' in style)))
})

t.test('search, undo, Tab with several choices', async (t) => {
  const { type, until, chat } = await openChat(t, { scripts: answers('1', '2', '3') })
  await type('make tea', KEY.enter)
  await until(/\n1\n/)
  await type('other', KEY.enter)
  await until(/\n2\n/)
  await type(KEY.ctrl('r'), 'te')
  await until(/search: te › make tea/)
  await type(KEY.enter)
  await until(/\n3\n/)
  t.equal(chat.conversation.turns.at(-1)?.user, 'make tea', 'Enter sends what was found')
  await type('/s\t')
  await until(/system {2}save {2}set {2}stats/)
  await type(KEY.ctrl('u'))
  await until(/› Ask something/)
  await type('\x1f')
  await until(/› \/s\n/)
})

t.test('Markdown of a reply is laid out while it comes', async (t) => {
  const pieces = [
    '# Ti',
    'tle\n\nSome **bo',
    'ld** text:\n\n```',
    'js\nlet a',
    '\n```\n\n- on',
    'e\n- two\n\n| a | b',
    ' |\n|--',
    '-|---|\n| 1 | 2 |\n',
  ]
  const { type, until, screen } = await openChat(t, { scripts: [{ pieces }] })
  await type('go', KEY.enter)
  const frame = await until(/45 tok\/s/)
  t.match(
    frame,
    /\n\nTitle\n─{48}\n\nSome bold text:\n\n── js ─+\n {2}let a\n─{48}\n\n• one\n• two\n\na │ b\n──┼──\n1 │ 2\n\n› Ask/,
  )
  t.ok(
    screen.frames.every((each) => !each.includes('**')),
    'no mark was seen on the way',
  )
})
