import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { InputHistory } from '../../src/ui/history.js'

t.test('entries are kept from chat to chat, repetitions once', async (t) => {
  const path = join(t.testdir(), 'state', 'openelm', 'history.jsonl')
  const first = await InputHistory.open(path)
  t.strictSame(first.entries, [])
  await first.add('one')
  await first.add('one')
  await first.add('zwei\n日本 🙂')
  if (process.platform !== 'win32') t.equal(statSync(path).mode & 0o077, 0, 'only its owner may read it')
  const second = await InputHistory.open(path)
  t.strictSame(second.entries, ['one', 'zwei\n日本 🙂'])
})

t.test('two chats share a file', async (t) => {
  const path = join(t.testdir(), 'history.jsonl')
  const a = await InputHistory.open(path)
  const b = await InputHistory.open(path)
  await Promise.all([a.add('a1'), b.add('b1'), a.add('a2'), b.add('b2')])
  await a.settled()
  const { entries } = await InputHistory.open(path)
  t.strictSame([...entries].sort(), ['a1', 'a2', 'b1', 'b2'])
  t.ok(entries.indexOf('a1') < entries.indexOf('a2'), 'in the order they were typed')
})

t.test('lines that are not entries are passed over', async (t) => {
  const path = join(t.testdir(), 'history.jsonl')
  writeFileSync(path, '{"text":"good"}\n{"te\nnull\n[]\n{"text":5}\n{"text":""}\n\n{"text":"better"}\n')
  const history = await InputHistory.open(path)
  t.strictSame(history.entries, ['good', 'better'])
  appendFileSync(path, '{"text":"torn')
  t.strictSame((await InputHistory.open(path)).entries, ['good', 'better'])
})

t.test('an entry after a torn line is not lost with it', async (t) => {
  const path = join(t.testdir(), 'history.jsonl')
  writeFileSync(path, '{"text":"good"}\n{"text":"torn')
  const history = await InputHistory.open(path)
  await history.add('next')
  t.strictSame((await InputHistory.open(path)).entries, ['good', 'next'])
})

t.test('a long history is cut, the newest entries stay', async (t) => {
  const path = join(t.testdir(), 'history.jsonl')
  const line = (_: unknown, i: number) => `${JSON.stringify({ text: `entry ${i}` })}\n`
  writeFileSync(path, Array.from({ length: 2001 }, line).join(''))
  const history = await InputHistory.open(path)
  t.equal(history.entries.length, 1000)
  t.equal(history.entries.at(-1), 'entry 2000')
  t.equal(readFileSync(path, 'utf8').split('\n').length, 1001)
})

t.test('a file that cannot be written: the entry is kept for this chat, the caller is told', async (t) => {
  const path = join(t.testdir(), 'history.jsonl')
  mkdirSync(path)
  const history = await InputHistory.open(path)
  await t.rejects(history.add('x'), { code: 'EISDIR' })
  t.strictSame(history.entries, ['x'])
  await history.settled()
})
