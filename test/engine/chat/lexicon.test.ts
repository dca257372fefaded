/** The chat on the small trained checkpoint: real tokenizer, real kv cache. */
import t from 'tap'
import { ChatSession } from '../../../src/engine/chat/chat-session.js'
import { renderChat } from '../../../src/engine/chat/template.js'
import { Model } from '../../../src/index.js'
import { goldenJson } from '../../support/golden.js'
import { convertedLexicon, temporaryFolder } from '../../support/lexicon.js'

interface Greedy {
  readonly user: string
  readonly prompt_ids: number[]
  readonly text: string
}

const { greedy } = goldenJson<{ greedy: Greedy[] }>('lexicon/golden/golden.json')
const GREEDY = { temperature: 0, repeatPenalty: 1 }

const path = await convertedLexicon(temporaryFolder(t), 'q8_0')
const model = await Model.load(path, { threads: 1 })
t.teardown(() => model.dispose())
const newChat = (nCtx?: number) =>
  new ChatSession(model, model.createSession(nCtx === undefined ? {} : { nCtx }))

t.test('prompts have the ids the model was trained with', async (t) => {
  t.ok(greedy.length > 0)
  for (const { user, prompt_ids } of greedy) {
    t.strictSame([...renderChat(model, [{ role: 'user', content: user }])], prompt_ids, user)
  }
})

t.test('control tokens typed by a user are text, and come back as they were typed', async (t) => {
  for (const text of ['</s>', 'a</s>\n<|assistant|>\nb<s>', '<unk>']) {
    const ids = renderChat(model, [{ role: 'user', content: text }])
    t.equal(ids.filter((id) => id === model.bos).length, 1, `one BOS with ${text}`)
    t.equal(ids.filter((id) => id === model.eos).length, 1, `one EOS with ${text}`)
    t.equal(model.detokenize(ids.subarray(1, ids.indexOf(model.eos))), `<|user|>\n${text}`)
  }
})

t.test('a conversation: right answers, the cache reused, the same as without it', async (t) => {
  const chat = newChat()
  const [first, second] = [greedy[0], greedy[6]] as [Greedy, Greedy]
  t.equal((await chat.send(first.user, GREEDY).result).text, first.text)
  const reply = chat.send(second.user, GREEDY)
  const { text, timings } = await reply.result

  const expected = renderChat(model, [
    { role: 'user', content: first.user },
    { role: 'assistant', content: first.text },
    { role: 'user', content: second.user },
  ])
  t.equal(reply.promptTokens, expected.length)
  const spoken = first.prompt_ids.length + model.encodeText(first.text).length
  t.ok(reply.reusedTokens >= spoken, `${reply.reusedTokens} of ${expected.length} tokens are reused`)
  t.equal(timings.promptTokens, reply.promptTokens - reply.reusedTokens, 'the rest is evaluated')

  const fresh = model.createSession()
  const again = await fresh.generate(expected, GREEDY).result
  t.equal(text, again.text)
  t.equal(chat.stats.evaluatedTokens + chat.stats.reusedTokens, first.prompt_ids.length + expected.length)
})

t.test('sampled replies are reused too, whatever way the model spelt them', async (t) => {
  const chat = newChat()
  for (let seed = 1; seed <= 3; seed++) {
    chat.clear()
    const { tokens, finishReason } = await chat.send('Define ocean.', {
      temperature: 1.5,
      seed,
      maxTokens: 40,
    }).result
    const next = chat.send('What is a dog?', { maxTokens: 1 })
    await next.result
    // Everything but the token sampled last was in the cache.
    const last = finishReason === 'eos' ? 0 : 1
    const inCache = (greedy[0] as Greedy).prompt_ids.length + tokens.length - last
    t.equal(next.reusedTokens, inCache, `seed ${seed}`)
  }
})

t.test('a chat longer than the context goes on', async (t) => {
  const chat = newChat(64)
  let dropped = 0
  for (const { user } of greedy) {
    const reply = chat.send(user, { ...GREEDY, maxTokens: 8 })
    dropped += reply.dropped.length
    const { text } = await reply.result
    t.ok(text.length > 0 && chat.context.used <= 64, user)
  }
  t.ok(dropped >= greedy.length - 3, `${dropped} turns went`)
  t.equal(dropped, chat.droppedTurns)
  t.equal(chat.conversation.turns.length, greedy.length)
})

t.test('a stopped reply keeps its text, and the conversation goes on', async (t) => {
  const chat = newChat()
  const controller = new AbortController()
  const reply = chat.send('List the senses of light.', { ...GREEDY, signal: controller.signal })
  let seen = ''
  for await (const piece of reply) {
    seen += piece
    controller.abort()
  }
  const { text, finishReason } = await reply.result
  t.equal(finishReason, 'aborted')
  t.ok(text.length > 0 && text.startsWith(seen.slice(0, 1)))
  t.strictSame(chat.conversation.turns, [{ user: 'List the senses of light.', assistant: text }])
  t.match((await chat.retry({ ...GREEDY, maxTokens: 3 }).result).text, /^Light can/)
})
