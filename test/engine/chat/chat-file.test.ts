import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { exportedJson, journalHeader, loadChat, saveChat } from '../../../src/engine/chat/chat-file.js'
import { ChatTree } from '../../../src/engine/chat/chat-tree.js'
import type { Conversation } from '../../../src/engine/chat/conversation.js'

const chat: Conversation = {
  system: 'Be brief.',
  turns: [
    { user: 'Ein "Zitat" — 日本語 🙂\nzweite Zeile', assistant: 'ok </s>' },
    { user: 'unanswered', assistant: undefined },
  ],
}

const save = (path: string, conversation: Conversation) => saveChat(path, ChatTree.of(conversation), 'm.gguf')
const load = async (path: string) => (await loadChat(path)).conversation

t.test('what is saved is loaded', async (t) => {
  const path = join(t.testdir(), 'a', 'b.jsonl')
  await save(path, chat)
  t.strictSame(await load(path), chat)
  const [first = ''] = readFileSync(path, 'utf8').split('\n')
  t.match(JSON.parse(first), { format: 'openelm-chat', version: 2, model: 'm.gguf' })
  t.strictSame(readdirSync(join(path, '..')), ['b.jsonl'], 'no temporary file is left')
  if (process.platform !== 'win32') t.equal(statSync(path).mode & 0o077, 0, 'only for its owner')

  const other: Conversation = { system: undefined, turns: [{ user: 'x', assistant: 'y' }] }
  await save(path, other)
  t.strictSame(await load(path), other, 'a saved chat is replaced')
})

t.test('all branches are saved, and where the conversation is', async (t) => {
  const path = join(t.testdir(), 'chat.jsonl')
  const tree = ChatTree.of({ system: 'S', turns: [{ user: 'a', assistant: '1' }] })
  const first = tree.tip
  tree.apply({ type: 'ask', id: 'other', parent: null, user: 'a' })
  tree.apply({ type: 'answer', id: 'other', assistant: '2' })
  tree.apply({ type: 'go', id: first })
  await saveChat(path, tree, 'm')
  const loaded = await loadChat(path)
  t.strictSame([...loaded.events()], [...tree.events()])
  t.equal(loaded.conversation.turns[0]?.assistant, '1')
})

t.test('an exported chat can be loaded', async (t) => {
  const path = join(t.testdir({ 'one.json': exportedJson(chat, 'm') }), 'one.json')
  t.strictSame(await load(path), chat)
})

t.test('damaged lines of a journal cost those lines only', async (t) => {
  const ask = (id: string, parent: string | null, user = id) =>
    JSON.stringify({ type: 'ask', id, parent, user })
  const answer = (id: string) => JSON.stringify({ type: 'answer', id, assistant: `re ${id}` })
  const lines = [
    ask('a', null),
    answer('a'),
    '{"type":"ask","id":"b","par',
    answer('b'),
    ask('c', 'b'),
    'null',
    '{"type":"later"}',
    '',
    ask('d', 'a'),
    answer('d'),
    '{"type":"answer","id":"d","assistant":"re',
  ]
  const path = join(t.testdir({ 'chat.jsonl': journalHeader('m') + lines.join('\n') }), 'chat.jsonl')
  t.strictSame(await load(path), {
    system: undefined,
    turns: [
      { user: 'a', assistant: 're a' },
      { user: 'd', assistant: 're d' },
    ],
  })
})

t.test('a file that is not a saved chat is neither loaded nor replaced', async (t) => {
  const valid = {
    format: 'openelm-chat',
    version: 1,
    savedAt: '2026-01-01T00:00:00Z',
    model: 'm',
    messages: [],
  }
  const user = { role: 'user', content: 'x' }
  const assistant = { role: 'assistant', content: 'y' }
  const cases: Record<string, string> = {
    'text.json': 'my notes',
    'empty.json': '',
    'other.json': '{"name":"x"}',
    'array.json': '[]',
    'role.json': JSON.stringify({ ...valid, messages: [{ role: 'tool', content: 'x' }] }),
    'content.json': JSON.stringify({ ...valid, messages: [{ role: 'user', content: 5 }] }),
    'turn.json': JSON.stringify({ ...valid, messages: [assistant] }),
    'twice.json': JSON.stringify({ ...valid, messages: [user, user] }),
    'answers.json': JSON.stringify({ ...valid, messages: [user, assistant, assistant] }),
    'system.json': JSON.stringify({ ...valid, messages: [user, { role: 'system', content: 'x' }] }),
    'date.json': JSON.stringify({ ...valid, savedAt: 'yesterday' }),
  }
  const dir = t.testdir(cases)
  for (const [name, content] of Object.entries(cases)) {
    const path = join(dir, name)
    await t.rejects(load(path), { code: 'E_FORMAT', next: /\/export/ }, name)
    await t.rejects(save(path, chat), { code: 'E_FILE_WRITE' }, name)
    t.equal(readFileSync(path, 'utf8'), content, `${name} is as it was`)
  }
  writeFileSync(join(dir, 'new.json'), JSON.stringify({ ...valid, version: 3 }))
  await t.rejects(load(join(dir, 'new.json')), { code: 'E_UNSUPPORTED' })
  await t.rejects(save(join(dir, 'new.json'), chat), { code: 'E_FILE_WRITE' })
})

t.test('paths that cannot be read or written', async (t) => {
  const dir = t.testdir()
  await t.rejects(load(join(dir, 'none.json')), { code: 'E_FILE_NOT_FOUND' })
  await t.rejects(load(dir), { code: 'E_FILE_READ' })
  writeFileSync(join(dir, 'file'), '')
  await t.rejects(save(join(dir, 'file', 'x.json'), chat), { code: 'E_FILE_WRITE' })
  if (process.getuid?.() === 0) return t.comment('root may write anywhere')
  mkdirSync(join(dir, 'locked'))
  chmodSync(join(dir, 'locked'), 0o500)
  await t.rejects(save(join(dir, 'locked', 'x.json'), chat), { code: 'E_FILE_WRITE' })
})

t.test('a symbolic link stays one', { skip: process.platform === 'win32' }, async (t) => {
  const dir = t.testdir()
  await save(join(dir, 'real.json'), { system: undefined, turns: [] })
  symlinkSync('real.json', join(dir, 'link.json'))
  await save(join(dir, 'link.json'), chat)
  t.strictSame(await load(join(dir, 'real.json')), chat)
})
