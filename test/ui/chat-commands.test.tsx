import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { COMMANDS } from '../../src/ui/commands/table.js'
import { temporaryFolder } from '../support/lexicon.js'
import { KEY, openChat } from './harness.js'

t.test('/help lists every command and key', async (t) => {
  const { type, until } = await openChat(t)
  await type('/help', KEY.enter)
  const frame = await until(/leave, when the input is empty/)
  for (const { name } of COMMANDS) {
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
  await until(/edit 1 › question/)
  await type('s', KEY.enter)
  await until(/A3/)
  t.strictSame(chat.conversation.turns, [{ user: 'questions', assistant: 'A3' }])
  await type('/edit', KEY.enter)
  await until(/edit 1 › questions/)
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
  const dir = temporaryFolder(t)
  const first = await openChat(t, { dir, scripts: [{ pieces: ['Answer.'] }] })
  await first.type('Question?', KEY.enter)
  await first.until(/Answer/)
  await first.type(`/save ${dir}/chat.jsonl`, KEY.enter)
  await first.until(/Saved to/)
  await first.type('/save', KEY.enter)
  await first.until(/This chat is saved in .*chats\/\d{4}-\d\d-\d\d-\d{6}-\w+\.jsonl/)

  const { type, until, chat, engine } = await openChat(t, { dir })
  await type('/load', KEY.enter)
  await until(/needs the name of a file/)
  await type(`/load ${dir}/none.json`, KEY.enter)
  await until(/Could not read .*none\.json/)
  writeFileSync(`${dir}/notes.txt`, 'mine')
  await type(`/save ${dir}/notes.txt`, KEY.enter)
  await until(/is not replaced/)
  t.equal(readFileSync(`${dir}/notes.txt`, 'utf8'), 'mine')
  await type(`/load ${dir}/chat.jsonl`, KEY.enter)
  await until(/Loaded 1 turn\.\n\n› Question\?\n\nAnswer\./)
  t.equal(chat.conversation.turns.length, 1)
  await type('More', KEY.enter)
  await until(/\nok\n/)
  t.match(engine.cache, '<user>Question?</s><assistant>Answer.</s><user>More</s>')
  t.ok(existsSync(`${dir}/chat.jsonl`))
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
    scripts: [{ pieces: ['one'] }, { pieces: ['two'] }],
  })
  await type('a', KEY.enter)
  await until(/\none\n/)
  await type('b', KEY.enter)
  await until(/\ntwo\n/)
  await type('/stats', KEY.enter)
  const frame = await until(/turns dropped/)
  t.match(frame, /^prompt tokens +63$/m)
  t.match(frame, /^ {2}reused from the cache +23 \(37 %\)$/m)
  t.match(frame, /^ {2}evaluated +40, 40 tokens\/s$/m)
  t.match(frame, /^generated tokens +6, 1\.0 tokens\/s$/m)
  t.match(frame, /^context used +\d+ of 1000 \(\d %\)$/m)
})
