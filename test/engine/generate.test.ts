import tap from 'tap'
import {
  type GenerateOptions,
  type GenerateResult,
  Model,
  renderChat,
  type Session,
} from '../../src/index.js'
import { DEFINE_OCEAN, lexiconFile } from '../support/lexicon.js'

/** Runs one generation on a fresh context and checks that the pieces are the text. */
async function generate(
  t: Tap,
  session: Session,
  prompt: string | Int32Array,
  options?: GenerateOptions,
): Promise<GenerateResult> {
  session.truncate(0)
  const generation = session.generate(prompt, options)
  let text = ''
  for await (const piece of generation) text += piece
  const result = await generation.result
  t.equal(text, result.text)
  return result
}
type Tap = { equal(found: unknown, wanted: unknown): unknown }

tap.test('generation', async (t) => {
  const path = await lexiconFile(t)
  const model = await Model.load(path, { threads: 1 })
  t.teardown(() => model.dispose())
  const session = model.createSession()
  const question = renderChat(model, [{ role: 'user', content: DEFINE_OCEAN }])
  const answer = await generate(t, session, question)

  t.test('answers, and reports what it did', async (t) => {
    t.match(answer.text, /^Ocean is a noun\. It means "a large body of water/)
    t.equal(answer.finishReason, 'eos')
    t.equal(answer.stopString, undefined)
    t.equal(model.detokenize(answer.tokens), answer.text)
    const { timings } = answer
    t.equal(timings.promptTokens, question.length)
    for (const value of Object.values(timings)) t.ok(value > 0)
    t.ok(timings.firstTokenSeconds <= timings.prefillSeconds + timings.decodeSeconds)
  })

  t.test('greedy text is the same again, and for 2 threads', async (t) => {
    t.same((await generate(t, session, question)).tokens, answer.tokens)
    const double = await Model.load(path, { threads: 2 })
    t.same((await generate(t, double.createSession(), question)).tokens, answer.tokens)
    await double.dispose()
  })

  t.test('a seed fixes sampled text, also for 2 threads', async (t) => {
    const options = { temperature: 1.5, seed: 11, maxTokens: 24 }
    const first = await generate(t, session, question, options)
    t.same((await generate(t, session, question, options)).tokens, first.tokens)
    t.notSame((await generate(t, session, question, { ...options, seed: 12 })).tokens, first.tokens)
    const double = await Model.load(path, { threads: 2 })
    t.same((await generate(t, double.createSession(), question, options)).tokens, first.tokens)
    await double.dispose()
  })

  t.test('ends after maxTokens', async (t) => {
    const short = await generate(t, session, question, { maxTokens: 5 })
    t.equal(short.finishReason, 'length')
    t.same(short.tokens, answer.tokens.subarray(0, 5))
    t.equal(session.nPast, question.length + 4, 'the last token is not evaluated')
    const none = await generate(t, session, question, { maxTokens: 0 })
    t.match(none, { text: '', finishReason: 'length' })
    t.equal(none.tokens.length, 0)
  })

  t.test('ends before a stop string, also inside and across tokens', async (t) => {
    for (const stop of ['noun', 'oun. It me', ' body', 'ge bo', '"']) {
      const result = await generate(t, session, question, { stop: ['never', stop] })
      t.match(result, { finishReason: 'stop', stopString: stop })
      t.equal(result.text, answer.text.slice(0, answer.text.indexOf(stop)))
    }
    const none = await generate(t, session, question, { stop: ['Pacific'] })
    t.match(none, { finishReason: 'eos', text: answer.text })
  })

  t.test('ends where the context does, and says so', async (t) => {
    const small = model.createSession({ nCtx: question.length + 6 })
    const result = await generate(t, small, question)
    t.equal(result.finishReason, 'context')
    t.same(result.tokens, answer.tokens.subarray(0, result.tokens.length))
    t.ok(result.tokens.length >= 6, `${result.tokens.length} tokens`)
    t.equal((await generate(t, small, question, { maxTokens: 6 })).finishReason, 'length')
    t.throws(() => small.generate(new Int32Array(400).fill(5)), { code: 'E_CONTEXT_FULL' })
    await small.dispose()
  })

  t.test('goes on after the end where asked to', async (t) => {
    const result = await generate(t, session, question, {
      ignoreEos: true,
      maxTokens: answer.tokens.length + 8,
    })
    t.equal(result.finishReason, 'length')
    t.ok(result.tokens.length > answer.tokens.length)
    const special = await generate(t, session, question, {
      ignoreEos: true,
      special: true,
      maxTokens: answer.tokens.length + 8,
    })
    t.match(special.text, /<\/s>/)
  })

  t.test('logit bias rules tokens out', async (t) => {
    const first = answer.tokens[0] as number
    const result = await generate(t, session, question, {
      logitBias: { [first]: Number.NEGATIVE_INFINITY },
      maxTokens: 4,
    })
    t.notOk(result.tokens.includes(first))
  })

  t.test('a text prompt begins with BOS; the context goes on where it ended', async (t) => {
    const text = 'An ocean is'
    const ids = model.tokenize(text)
    const { tokens } = await generate(t, session, text, { maxTokens: 8, ignoreEos: true })
    t.equal(session.tokens[0], model.bos)
    t.same(session.tokens, Int32Array.of(...ids, ...tokens.subarray(0, -1)))
    session.truncate(0)
    const half = await session.generate(text, { maxTokens: 4, ignoreEos: true }).result
    t.same(half.tokens, tokens.subarray(0, 4))
    const rest = await session.generate(tokens.subarray(4, 5), { maxTokens: 3, ignoreEos: true }).result
    t.same(rest.tokens, tokens.subarray(5), 'the token sampled last is evaluated first, as in one go')
    const logits = await session.evaluate([5], { logits: 'all' })
    t.equal(logits.length, model.vocabSize, 'only the rows asked for')
    t.same(session.tokens, Int32Array.of(...ids, ...tokens, 5))
  })

  t.test('after the end of text nothing is left to evaluate', async (t) => {
    await generate(t, session, question)
    t.same(session.tokens, Int32Array.of(...question, ...answer.tokens))
    await session.evaluate([model.eos], { logits: 'none' })
    t.same(session.tokens, Int32Array.of(...question, ...answer.tokens, model.eos))
  })

  t.test('misuse is refused at the call', async (t) => {
    const usage = (message: RegExp) => ({ code: 'E_USAGE', message })
    session.truncate(0)
    t.throws(() => session.generate(''.padEnd(0), { maxTokens: -1 }), usage(/for maxTokens but received -1/))
    t.throws(() => session.generate('a', { stop: [''] }), usage(/at least one character for stop\[0\]/))
    t.throws(
      () => session.generate('a', { stop: 'x' as unknown as string[] }),
      usage(/an array of texts for stop/),
    )
    t.throws(() => session.generate('a', { temp: 1 } as object), usage(/Unknown option "temp"/))
    t.throws(() => session.generate([9999]), usage(/ids\[0\] but received 9999/))
    t.throws(() => session.generate([]), usage(/at least one token id/))
    t.throws(() => session.generate(7 as unknown as string), usage(/text or token ids/))
    const generation = session.generate(question, { maxTokens: 1 })
    for await (const _ of generation) break
    t.throws(() => generation[Symbol.asyncIterator](), usage(/only once/))
    await generation.result
  })

  t.test('a signal ends it and keeps what there is', async (t) => {
    session.truncate(0)
    const controller = new AbortController()
    const generation = session.generate(question, { signal: controller.signal, ignoreEos: true })
    let text = ''
    for await (const piece of generation) {
      text += piece
      if (text.length > 8) controller.abort()
    }
    const result = await generation.result
    t.equal(result.finishReason, 'aborted')
    t.equal(result.text, text)
    t.equal(session.nPast, question.length + result.tokens.length - 1)
    session.truncate(0)
    const late = await session.generate(question, { signal: AbortSignal.abort() }).result
    t.match(late, { finishReason: 'aborted', text: '' })
    t.equal(session.nPast, 0)
  })

  t.test('leaving the loop ends it', async (t) => {
    session.truncate(0)
    const generation = session.generate(question, { ignoreEos: true })
    for await (const _ of generation) break
    t.equal((await generation.result).finishReason, 'aborted')
    t.equal((await generate(t, session, question)).text, answer.text, 'the session is free again')
  })

  t.test('the text is there for a reader who comes late, or only for the result', async (t) => {
    session.truncate(0)
    const generation = session.generate(question)
    t.equal((await generation.result).text, answer.text)
    let text = ''
    for await (const piece of generation) text += piece
    t.equal(text, answer.text)
  })

  t.test('disposing the session or the model while it generates', async (t) => {
    for (const what of ['session', 'model'] as const) {
      const other = await Model.load(path)
      const busy = other.createSession()
      const generation = busy.generate(question, { ignoreEos: true })
      const iterator = generation[Symbol.asyncIterator]()
      t.equal((await iterator.next()).done ?? false, false)
      await (what === 'session' ? busy : other).dispose()
      const result = await generation.result
      t.equal(result.finishReason, 'aborted', what)
      await other.dispose()
    }
  })

  t.test('nobody has to look at the result of a generation that fails or is dropped', async (t) => {
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    const other = await Model.load(path)
    const dropped = other.createSession()
    dropped.generate(question)
    await other.dispose()
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.off('unhandledRejection', note)
    t.same(unhandled, [])
  })
})
