import t from 'tap'
import { type ChatReply, ChatSession } from '../../../src/engine/chat/chat-session.js'
import type { Turn } from '../../../src/engine/chat/conversation.js'
import { type Script, ScriptedEngine, scriptedModel } from './scripted-engine.js'

function start(scripts: readonly Script[], options: { nCtx?: number; system?: string } = {}) {
  const engine = new ScriptedEngine(scripts, options.nCtx)
  const chat = new ChatSession(
    scriptedModel,
    engine,
    options.system === undefined ? {} : { system: options.system },
  )
  return { engine, chat }
}

async function textOf(reply: ChatReply): Promise<string> {
  let text = ''
  for await (const piece of reply) text += piece
  return text
}

const turn = (user: string, assistant: string | undefined): Turn => ({ user, assistant })

t.test('a reply streams and becomes part of the conversation', async (t) => {
  const { engine, chat } = start([{ pieces: ['Hel', 'lo'] }], { system: 'Be kind.' })
  const reply = chat.send('Hi', { temperature: 0.5 })
  t.ok(chat.replying)
  t.equal(await textOf(reply), 'Hello')
  t.equal((await reply.result).finishReason, 'eos')
  t.notOk(chat.replying)
  t.strictSame(chat.conversation, { system: 'Be kind.', turns: [turn('Hi', 'Hello')] })
  t.equal(engine.calls[0]?.evaluated, '<s><system>Be kind.</s><user>Hi</s><assistant>')
  t.equal(engine.calls[0]?.options.temperature, 0.5)
  t.strictSame(reply.dropped, [])
})

t.test('the kv cache is reused: only new text is evaluated, and the counters say so', async (t) => {
  const { engine, chat } = start([{ pieces: ['one'] }, { pieces: ['two'] }, { pieces: ['three'] }])
  await chat.send('a').result
  const second = chat.send('b')
  await second.result
  t.equal(engine.calls[1]?.evaluated, '</s><user>b</s><assistant>', 'the reply itself is in the cache')
  t.equal(second.promptTokens, '_<user>a_<assistant>one_<user>b_<assistant>'.length)
  t.equal(second.reusedTokens, '_<user>a_<assistant>one'.length)
  await chat.send('c').result
  t.equal(engine.calls[2]?.evaluated, '</s><user>c</s><assistant>')
  const { stats } = chat
  t.equal(stats.replies, 3)
  t.equal(stats.promptTokens, stats.reusedTokens + stats.evaluatedTokens)
  t.equal(
    stats.evaluatedTokens,
    engine.calls.map((call) => call.evaluated.replace(/<\/?s>/g, '_')).join('').length,
  )
  t.equal(stats.generatedTokens, 'onetwothree'.length)
  t.equal(stats.decodeSeconds, 6)
})

t.test('a reply whose ids are not those of its text is still reused', async (t) => {
  // "ab" said as one token of its own, as sampling may do.
  const { engine, chat } = start([{ pieces: ['ab'], tokens: [0x3000] }])
  await chat.send('x').result
  await chat.send('y').result
  t.equal(engine.calls[1]?.evaluated, '</s><user>y</s><assistant>')
  t.equal(engine.cache, '<s><user>x</s><assistant>\u3000</s><user>y</s><assistant>ok')
})

t.test('but not where tokens and text differ: a stop string, a control token', async (t) => {
  for (const script of [
    { pieces: ['ab'], tokens: [0x3000, 0x3001], finish: 'stop' },
    { pieces: ['ab'], tokens: [1, 97, 98] },
  ] as const) {
    const { engine, chat } = start([script])
    await chat.send('x').result
    await chat.send('y').result
    t.equal(engine.calls[1]?.evaluated, 'ab</s><user>y</s><assistant>')
  }
})

t.test('aborting keeps the partial text', async (t) => {
  const controller = new AbortController()
  const { engine, chat } = start([{ pieces: ['par', 'tial', ' never'] }])
  const reply = chat.send('q', { signal: controller.signal })
  let text = ''
  for await (const piece of reply) {
    text += piece
    if (text === 'partial') controller.abort()
  }
  t.equal((await reply.result).finishReason, 'aborted')
  t.strictSame(chat.conversation.turns, [turn('q', 'partial')])
  await chat.send('r').result
  t.equal(engine.calls[1]?.evaluated, 'l</s><user>r</s><assistant>', 'the last token was not in the cache')
})

t.test('an unanswered question can be retried, and the next question replaces it', async (t) => {
  const gone = new AbortController()
  gone.abort()
  const { engine, chat } = start([{ pieces: ['x'] }, { pieces: ['y'] }, { fail: new Error('broken') }])
  await chat.send('first', { signal: gone.signal }).result
  t.strictSame(chat.conversation.turns, [turn('first', undefined)])
  await chat.retry().result
  t.strictSame(chat.conversation.turns, [turn('first', 'y')])
  await t.rejects(textOf(chat.send('second')), /broken/)
  t.notOk(chat.replying, 'a failure ends the reply')
  await chat.send('third').result
  t.strictSame(chat.conversation.turns, [turn('first', 'y'), turn('third', 'ok')])
  t.equal(engine.cache, '<s><user>first</s><assistant>y</s><user>third</s><assistant>ok')
})

t.test('retry and edit answer in place of the last turn', async (t) => {
  const { engine, chat } = start([{ pieces: ['1'] }, { pieces: ['2'] }, { pieces: ['3'] }, { pieces: ['4'] }])
  t.throws(() => chat.retry(), { code: 'E_USAGE' })
  t.throws(() => chat.edit('x'), { code: 'E_USAGE' })
  await chat.send('a').result
  await chat.send('bc').result
  await chat.retry().result
  t.strictSame(chat.conversation.turns, [turn('a', '1'), turn('bc', '3')])
  t.equal(engine.calls[2]?.evaluated, '>', 'the prompt is in the cache but for its last token')
  await chat.edit('bd').result
  t.strictSame(chat.conversation.turns, [turn('a', '1'), turn('bd', '4')])
  t.equal(engine.calls[3]?.evaluated, 'd</s><assistant>')
})

t.test('clear keeps the system prompt, setSystem changes it', async (t) => {
  const { engine, chat } = start([], { system: 'S' })
  await chat.send('a').result
  chat.clear()
  t.strictSame(chat.conversation, { system: 'S', turns: [] })
  t.equal(chat.stats.replies, 0)
  chat.setSystem(undefined)
  await chat.send('b').result
  t.equal(engine.cache, '<s><user>b</s><assistant>ok')
  chat.setSystem('T')
  await chat.send('c').result
  t.equal(engine.cache, '<s><system>T</s><user>b</s><assistant>ok</s><user>c</s><assistant>ok')
})

t.test('one reply at a time', async (t) => {
  const { chat } = start([{ pieces: ['x'] }])
  const { result } = chat.send('a')
  for (const call of [
    () => chat.send('b'),
    () => chat.retry(),
    () => chat.clear(),
    () => chat.setSystem(''),
  ]) {
    t.throws(call, { code: 'E_USAGE' })
  }
  await result
  t.strictSame(chat.conversation.turns, [turn('a', 'x')])
})

t.test(
  'when the context is full the oldest turns go, the system prompt stays, and the caller is told',
  async (t) => {
    const nCtx = 160
    const { engine, chat } = start([], { nCtx, system: 'Stay.' })
    const dropped: Turn[] = []
    let drops = 0
    for (let i = 0; i < 40; i++) {
      const reply = chat.send(`question ${i}`)
      await reply.result
      t.ok(engine.nPast <= nCtx)
      t.match(engine.cache, /^<s><system>Stay\.<\/s><user>/, 'the system prompt stays')
      t.match(engine.cache, new RegExp(`<user>question ${i}</s>`), 'the question is there')
      dropped.push(...reply.dropped)
      if (reply.dropped.length > 0) drops++
    }
    t.equal(chat.conversation.turns.length, 40, 'nothing is forgotten')
    t.equal(dropped.length, chat.droppedTurns)
    t.strictSame(dropped, chat.conversation.turns.slice(0, dropped.length), 'oldest first, each told once')
    t.ok(drops < 30, 'several go at a time, so that the cache is of use in between')
    t.notMatch(engine.cache, /question 3[0-5]</)
  },
)

t.test('a question that cannot fit is refused and changes nothing', async (t) => {
  const { engine, chat } = start([], { nCtx: 60 })
  await chat.send('a').result
  const { conversation } = chat
  t.throws(() => chat.send('x'.repeat(60)), { code: 'E_CONTEXT_FULL' })
  t.equal(chat.conversation, conversation)
  t.equal(engine.calls.length, 1)
  await chat.send('y'.repeat(35)).result
  t.equal(chat.droppedTurns, 1, 'one that only just fits drops all others')
})

t.test('maxTokens bounds the room that is kept free', async (t) => {
  const prompt = '_<user>a_<assistant>'.length
  const tight = start([{ pieces: ['1'] }, { pieces: ['2'] }], { nCtx: 2 * prompt + 4 })
  await tight.chat.send('a', { maxTokens: 1 }).result
  t.strictSame(tight.chat.send('b', { maxTokens: 1 }).dropped, [])
  const roomy = start([{ pieces: ['1'] }, { pieces: ['2'] }], { nCtx: 2 * prompt + 4 })
  await roomy.chat.send('a').result
  t.strictSame(roomy.chat.send('b').dropped, [turn('a', '1')])
})
