import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadChat } from '../../../src/engine/chat/chat-file.js'
import { ChatRecorder } from '../../../src/engine/chat/chat-recorder.js'
import { type ChatEvent, ChatTree } from '../../../src/engine/chat/chat-tree.js'
import { exportChat } from '../../../src/engine/chat/export.js'
import { Journal } from '../../../src/engine/chat/journal.js'
import { firstQuestion, latestChat, listChats } from '../../../src/engine/chat/saved-chats.js'
import { startScript } from '../../support/child.js'

const ask = (id: string, parent: string | null = null, user = `q ${id}`): ChatEvent => ({
  type: 'ask',
  id,
  parent,
  user,
})
const answer = (id: string): ChatEvent => ({ type: 'answer', id, assistant: `a ${id}` })
const questions = async (path: string) => (await loadChat(path)).conversation.turns.map(({ user }) => user)

t.test('events are added to the file, two writers and a torn line included', async (t) => {
  const path = join(t.testdir(), 'state', 'chat.jsonl')
  const first = new Journal(path, 'm')
  await first.append(ask('a'), answer('a'))
  if (process.platform !== 'win32') t.equal(statSync(path).mode & 0o077, 0, 'only for its owner')
  const second = new Journal(path, 'm')
  await Promise.all([first.append(ask('b', 'a')), second.append(ask('c', 'a')), first.append(answer('b'))])
  await first.close()
  await second.close()
  t.equal((await loadChat(path)).size, 3)
  appendFileSync(path, '{"type":"ask","id":"to')
  await first.append(ask('d', 'b'), answer('d'))
  await first.close()
  t.strictSame(await questions(path), ['q a', 'q b', 'q d'])
  t.equal(readFileSync(path, 'utf8').match(/openelm-chat/g)?.length, 1, 'one header')
})

t.test('kill -9: every turn that was finished is there', async (t) => {
  const dir = t.testdir()
  const { signal, stderr } = await startScript(`
    import { ChatRecorder } from './src/engine/chat/chat-recorder.ts'
    import { ChatTree } from './src/engine/chat/chat-tree.ts'
    import { existsSync, openSync, readFileSync, writeSync } from 'node:fs'
    import { setTimeout } from 'node:timers/promises'
    const recorder = new ChatRecorder(${JSON.stringify(dir)}, 'm')
    recorder.onFailure = (error) => { throw error }
    const tree = ChatTree.of({ system: 'S', turns: [] })
    recorder.begin(tree)
    let parent = null
    for (let i = 0; i < 5; i++) {
      recorder.record({ type: 'ask', id: 't' + i, parent, user: 'question ' + i })
      recorder.record({ type: 'answer', id: 't' + i, assistant: 'answer ' + i })
      parent = 't' + i
    }
    recorder.record({ type: 'ask', id: 'last', parent, user: 'unanswered' })
    const written = () => existsSync(recorder.path) && readFileSync(recorder.path, 'utf8').includes('unanswered')
    while (!written()) await setTimeout(5)
    writeSync(openSync(recorder.path, 'a'), '{"type":"answer","id":"last","assis')
    process.kill(process.pid, 'SIGKILL')
  `).exit
  t.equal(signal, 'SIGKILL', stderr)
  const { conversation } = await loadChat(await latestChat(dir))
  t.equal(conversation.system, 'S')
  t.strictSame(conversation.turns, [
    ...Array.from({ length: 5 }, (_, i) => ({ user: `question ${i}`, assistant: `answer ${i}` })),
    { user: 'unanswered', assistant: undefined },
  ])
})

t.test('every chat has a file of its own, from its first question on', async (t) => {
  const dir = join(t.testdir(), 'chats')
  const failures: unknown[] = []
  const recorder = new ChatRecorder(dir, 'm')
  recorder.onFailure = (error) => failures.push(error)
  recorder.record({ type: 'system', text: 'S' })
  await recorder.close()
  t.strictSame(await listChats(dir), [], 'nothing was asked')
  recorder.record(ask('a'))
  recorder.record(answer('a'))
  const first = recorder.path ?? ''
  recorder.begin(ChatTree.of({ system: 'T', turns: [{ user: 'old', assistant: 'x' }] }))
  recorder.record(ask('b'))
  await recorder.close()
  t.equal(readdirSync(dir).length, 2)
  t.equal((await loadChat(first)).system, 'S')
  t.strictSame(await questions(first), ['q a'])
  t.equal((await loadChat(recorder.path ?? '')).size, 2, 'a chat that was loaded is there as a whole')
  recorder.resume(first)
  recorder.record(ask('c', 'a'))
  await recorder.close()
  t.strictSame(await questions(first), ['q a', 'q c'])
  t.strictSame(failures, [])
})

t.test('a folder that cannot be written to is told once', async (t) => {
  const dir = t.testdir({ chats: 'a file' })
  const failures: unknown[] = []
  const recorder = new ChatRecorder(join(dir, 'chats'), 'm')
  recorder.onFailure = (error) => failures.push(error)
  recorder.record(ask('a'))
  recorder.record(answer('a'))
  await recorder.close()
  t.equal(failures.length, 1)
})

t.test('the chat changed last, and how chats begin', async (t) => {
  const dir = t.testdir()
  await t.rejects(latestChat(join(dir, 'none')), { code: 'E_FILE_NOT_FOUND' })
  for (const [name, question, time] of [
    ['a.jsonl', 'Grüße "quoted"', 3000],
    ['b.jsonl', 'x'.repeat(9000), 1000],
    ['c.jsonl', 'two\nlines', 2000],
  ] as const) {
    const journal = new Journal(join(dir, name), 'm')
    await journal.append({ type: 'system', text: '{"type":"ask","user":"no"' }, ask('a', null, question))
    await journal.close()
    utimesSync(join(dir, name), time, time)
  }
  mkdirSync(join(dir, 'folder.json'))
  writeFileSync(join(dir, 'notes.txt'), '')
  writeFileSync(join(dir, 'empty.jsonl'), '')
  utimesSync(join(dir, 'empty.jsonl'), 500, 500)
  const chats = await listChats(dir)
  t.equal(await latestChat(dir), join(dir, 'a.jsonl'))
  const heads = await Promise.all(chats.map(({ path }) => firstQuestion(path)))
  t.strictSame(
    heads.map((head) => head?.slice(0, 20)),
    ['Grüße ', 'two', 'x'.repeat(20), undefined],
  )
})

t.test('exports', async (t) => {
  const dir = t.testdir()
  const conversation = {
    system: 'Be kind.',
    turns: [
      { user: 'two\n\nlines', assistant: '**Yes.**' },
      { user: 'more', assistant: undefined },
    ],
  }
  await exportChat(join(dir, 'chat.md'), conversation, 'Model-1M')
  t.equal(
    readFileSync(join(dir, 'chat.md'), 'utf8'),
    '# Chat with Model-1M\n\nSystem prompt:\n\n> Be kind.\n\n---\n\n> two\n>\n> lines\n\n**Yes.**\n\n> more\n\n*(no answer)*\n',
  )
  await exportChat(join(dir, 'chat.JSON'), conversation, 'm')
  t.strictSame((await loadChat(join(dir, 'chat.JSON'))).conversation, conversation)
  await t.rejects(exportChat(join(dir, 'chat.md'), conversation, 'm'), { code: 'E_FILE_WRITE' })
  await t.rejects(exportChat(join(dir, 'chat.txt'), conversation, 'm'), { code: 'E_USAGE' })
})
