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
import {
  type Conversation,
  loadConversation,
  saveConversation,
} from '../../../src/engine/chat/conversation.js'

const chat: Conversation = {
  system: 'Be brief.',
  turns: [
    { user: 'Ein "Zitat" — 日本語 🙂\nzweite Zeile', assistant: 'ok </s>' },
    { user: 'unanswered', assistant: undefined },
  ],
}

t.test('what is saved is loaded', async (t) => {
  const path = join(t.testdir(), 'a', 'b.json')
  await saveConversation(path, chat, 'm.gguf')
  t.strictSame(await loadConversation(path), chat)
  t.strictSame(JSON.parse(readFileSync(path, 'utf8')).version, 1)
  t.equal(JSON.parse(readFileSync(path, 'utf8')).model, 'm.gguf')
  t.strictSame(readdirSync(join(path, '..')), ['b.json'], 'no temporary file is left')
  if (process.platform !== 'win32') t.equal(statSync(path).mode & 0o077, 0, 'only for its owner')

  const other: Conversation = { system: undefined, turns: [{ user: 'x', assistant: 'y' }] }
  await saveConversation(path, other, 'm.gguf')
  t.strictSame(await loadConversation(path), other, 'a saved chat is replaced')
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
    await t.rejects(loadConversation(path), { code: 'E_FORMAT', next: /\/save/ }, name)
    await t.rejects(saveConversation(path, chat, 'm'), { code: 'E_FILE_WRITE' }, name)
    t.equal(readFileSync(path, 'utf8'), content, `${name} is as it was`)
  }
  writeFileSync(join(dir, 'new.json'), JSON.stringify({ ...valid, version: 2 }))
  await t.rejects(loadConversation(join(dir, 'new.json')), { code: 'E_UNSUPPORTED' })
  await t.rejects(saveConversation(join(dir, 'new.json'), chat, 'm'), { code: 'E_FILE_WRITE' })
})

t.test('paths that cannot be read or written', async (t) => {
  const dir = t.testdir()
  await t.rejects(loadConversation(join(dir, 'none.json')), { code: 'E_FILE_NOT_FOUND' })
  await t.rejects(loadConversation(dir), { code: 'E_FILE_READ' })
  writeFileSync(join(dir, 'file'), '')
  await t.rejects(saveConversation(join(dir, 'file', 'x.json'), chat, 'm'), { code: 'E_FILE_WRITE' })
  if (process.getuid?.() === 0) return t.comment('root may write anywhere')
  mkdirSync(join(dir, 'locked'))
  chmodSync(join(dir, 'locked'), 0o500)
  await t.rejects(saveConversation(join(dir, 'locked', 'x.json'), chat, 'm'), { code: 'E_FILE_WRITE' })
})

t.test('a symbolic link stays one', { skip: process.platform === 'win32' }, async (t) => {
  const dir = t.testdir()
  await saveConversation(join(dir, 'real.json'), { system: undefined, turns: [] }, 'm')
  symlinkSync('real.json', join(dir, 'link.json'))
  await saveConversation(join(dir, 'link.json'), chat, 'm')
  t.strictSame(await loadConversation(join(dir, 'real.json')), chat)
})
