import t from 'tap'
import { ChatSession } from '../../../src/engine/chat/chat-session.js'
import { type ChatEvent, ChatTree } from '../../../src/engine/chat/chat-tree.js'
import type { Turn } from '../../../src/engine/chat/conversation.js'
import { type Script, ScriptedEngine, scriptedModel } from './scripted-engine.js'

function start(scripts: readonly Script[], nCtx?: number) {
  const engine = new ScriptedEngine(scripts, nCtx)
  return { engine, chat: new ChatSession(scriptedModel, engine) }
}

const turn = (user: string, assistant: string | undefined): Turn => ({ user, assistant })

t.test('an answer of another branch keeps the ids the model chose', async (t) => {
  const { engine, chat } = start([
    { pieces: ['ab'], tokens: [0x3000] },
    { pieces: ['cd'], tokens: [0x3001] },
    { pieces: ['1'] },
    { pieces: ['2'] },
  ])
  await chat.send('x').result
  await chat.retry().result
  t.strictSame(chat.variant(), { number: 2, count: 2 })
  await chat.send('y').result
  chat.choose(1, 1)
  t.strictSame(chat.conversation.turns, [turn('x', 'ab')], 'nothing was asked after the first variant')
  await chat.send('z').result
  t.equal(engine.calls[3]?.evaluated, '\u3000</s><user>z</s><assistant>', 'only what differs, from its ids')
  chat.choose(2, 1)
  t.strictSame(chat.conversation.turns, [turn('x', 'cd'), turn('y', '1')], 'what came after comes back')
  await chat.send('w').result
  t.equal(
    engine.cache,
    '<s><user>x</s><assistant>\u3001</s><user>y</s><assistant>1</s><user>w</s><assistant>ok',
  )
})

t.test('an earlier turn is edited on a branch of its own', async (t) => {
  const { engine, chat } = start([{ pieces: ['1'] }, { pieces: ['2'] }, { pieces: ['3'] }, { pieces: ['4'] }])
  for (const question of ['a', 'b', 'c']) await chat.send(question).result
  await chat.edit('B', {}, 2).result
  t.strictSame(chat.conversation.turns, [turn('a', '1'), turn('B', '4')])
  t.equal(engine.calls[3]?.evaluated, 'B</s><assistant>', 'all before it is in the cache')
  chat.choose(1)
  t.strictSame(chat.conversation.turns, [turn('a', '1'), turn('b', '2'), turn('c', '3')])
  t.equal(chat.question(2), 'b')
  for (const call of [() => chat.edit('x', {}, 4), () => chat.edit('x', {}, 0), () => chat.choose(3, 2)]) {
    t.throws(call, { code: 'E_USAGE' })
  }
})

t.test('back and forward', async (t) => {
  const { engine, chat } = start([{ pieces: ['1'] }, { pieces: ['2'] }, { pieces: ['3'] }])
  t.throws(() => chat.back(), { code: 'E_USAGE' })
  t.throws(() => chat.forward(), { code: 'E_USAGE' })
  for (const question of ['a', 'b', 'c']) await chat.send(question).result
  chat.back(2)
  t.strictSame(chat.conversation.turns, [turn('a', '1')])
  chat.forward()
  t.strictSame(chat.conversation.turns, [turn('a', '1'), turn('b', '2')])
  chat.back(9)
  t.strictSame(chat.conversation.turns, [])
  await chat.send('new').result
  t.equal(engine.cache, '<s><user>new</s><assistant>ok')
  t.strictSame(chat.variant(), { number: 2, count: 2 }, 'the first turn has two variants now')
  chat.choose(1)
  t.equal(chat.conversation.turns.length, 3, 'nothing was lost')
})

t.test('what leaves the context depends on the path, not on how one came there', async (t) => {
  const { engine, chat } = start([], 160)
  for (let i = 0; i < 12; i++) await chat.send(`question ${i}`).result
  const dropped = chat.droppedTurns
  const { cache } = engine
  t.ok(dropped > 3)
  const again = chat.retry()
  await again.result
  t.strictSame(again.dropped, [], 'what left the context is not told again')
  t.equal(chat.droppedTurns, dropped)
  t.equal(engine.cache, cache)
  chat.back(10)
  t.equal(chat.droppedTurns, 0, 'early turns are seen again')
  await chat.send('again').result
  t.match(engine.cache, /^<s><user>question 0</)
})

t.test('a turn costs the encoding of what is new, however long the conversation is', async (t) => {
  let encoded = 0
  const counting = {
    ...scriptedModel,
    encodeText: (text: string) => {
      encoded += text.length
      return scriptedModel.encodeText(text)
    },
  }
  const chat = new ChatSession(counting, new ScriptedEngine([], 100_000))
  const costs: number[] = []
  for (let i = 0; i < 200; i++) {
    encoded = 0
    await chat.send(`question ${1000 + i}`).result
    costs.push(encoded)
  }
  t.equal(costs[199], costs[2], 'the two hundredth turn costs what the third did')
})

t.test('everything that happens is told, and replays to the same tree', async (t) => {
  const events: ChatEvent[] = []
  const chat = new ChatSession(scriptedModel, new ScriptedEngine([{ pieces: ['1'] }]), {
    onEvent: (event) => events.push(event),
  })
  await chat.send('a').result
  await chat.retry().result
  chat.setSystem('S')
  chat.choose(1)
  chat.back()
  t.strictSame(
    events.map(({ type }) => type),
    ['ask', 'answer', 'ask', 'answer', 'system', 'go', 'go'],
  )
  const tree = new ChatTree()
  for (const event of events) t.ok(tree.apply(event))
  t.strictSame([...tree.events()], [...chat.tree.events()])
})
