/** Several sequences on one model: each writes what it would write alone, and leaves when it is told to. */
import t from 'tap'
import { Model, renderChat, type SessionOptions } from '../../../src/index.js'
import { startScript } from '../../support/child.js'
import { goldenJson, isas } from '../../support/golden.js'
import { convertedLexicon, temporaryFolder } from '../../support/lexicon.js'

interface Greedy {
  readonly user: string
  readonly prompt_ids: number[]
  readonly text: string
}

const { greedy } = goldenJson<{ greedy: Greedy[] }>('lexicon/golden/golden.json')
const GREEDY = { temperature: 0, repeatPenalty: 1 }
const folder = temporaryFolder(t)
const path = await convertedLexicon(folder, 'q8_0')
const model = await Model.load(path, { threads: 2 })
t.teardown(() => model.dispose())
const question = renderChat(model, [{ role: 'user', content: 'Define ocean.' }])

/** Ids of a prompt of any length, none of them special. */
const someIds = (length: number, first = 7) =>
  Int32Array.from({ length }, (_, i) => 300 + ((first + i * 31) % (model.vocabSize - 300)))

/** What a new session generates. */
async function alone(prompt: Int32Array, options: object, on = model, session: SessionOptions = {}) {
  const one = on.createSession(session)
  const result = await one.generate(prompt, options).result
  await one.dispose()
  return [...result.tokens]
}

t.test('golden prompts together, for every instruction set and kind of weights', async (t) => {
  for (const type of ['q8_0', 'q4_0', 'f16'] as const) {
    const file = type === 'q8_0' ? path : await convertedLexicon(folder, type)
    for (const { name } of isas().filter(({ supported }) => supported)) {
      const one = await Model.load(file, { threads: 2, isa: name })
      const batch = one.createBatch({ slots: 4, maxWaiting: greedy.length })
      // The reference kernels take their time.
      const some = name === 'reference' ? greedy.slice(0, 5) : greedy
      const options = { ...GREEDY, maxTokens: name === 'reference' ? 12 : 48 }
      const results = await Promise.all(
        some.map(({ prompt_ids }) => batch.generate(prompt_ids, options).result),
      )
      for (const [i, { prompt_ids, user, text }] of some.entries()) {
        const expected = await alone(Int32Array.from(prompt_ids), options, one)
        t.same([...(results[i]?.tokens ?? [])], expected, `${type} ${name}: ${user}`)
        if (type === 'q8_0' && results[i]?.finishReason === 'eos') t.equal(results[i]?.text, text)
      }
      t.match({ running: batch.running, waiting: batch.waiting }, { running: 0, waiting: 0 })
      await one.dispose()
    }
  }
})

t.test(
  'prompts of all lengths, sampled, cut by a small budget, arriving and leaving at any time',
  async (t) => {
    const batch = model.createBatch({ slots: 5, stepTokens: 37, maxWaiting: 64 })
    const lengths = [1, 2, 3, 4, 5, 17, 31, 32, 33, 63, 64, 65, 100, 128, 200, 255, 256]
    const requests = lengths.map((length, i) => ({
      ids: someIds(length, i),
      options: { temperature: 1.3, seed: i, maxTokens: 3 + ((i * 7) % 20), ignoreEos: true },
    }))
    const results = await Promise.all(requests.map(({ ids, options }) => batch.generate(ids, options).result))
    for (const [i, { ids, options }] of requests.entries())
      t.same([...(results[i]?.tokens ?? [])], await alone(ids, options), `${ids.length} tokens`)
    t.equal(results.at(-1)?.finishReason, 'context', 'one more than the context holds')
    await batch.dispose()
  },
)

t.test('several parts of a prompt, as a session of that nBatch cuts it', async (t) => {
  const batch = model.createBatch({ slots: 2, nBatch: 64, stepTokens: 48 })
  const options = { temperature: 1, seed: 3, maxTokens: 12, ignoreEos: true }
  for (const length of [64, 65, 66, 130, 197]) {
    const ids = someIds(length, length)
    const { tokens } = await batch.generate(ids, options).result
    t.same([...tokens], await alone(ids, options, model, { nBatch: 64 }), `${length} tokens`)
  }
  await batch.dispose()
})

t.test('a beginning that was there is not evaluated again, and changes nothing', async (t) => {
  const options = { temperature: 1, seed: 5, maxTokens: 8, ignoreEos: true }
  const batch = model.createBatch({ slots: 3 })
  const first = someIds(150)
  const evaluated = async (ids: Int32Array) => {
    const { tokens, timings } = await batch.generate(ids, options).result
    t.same([...tokens], await alone(ids, options))
    return timings.promptTokens
  }
  t.equal(await evaluated(first), 150)
  t.equal(await evaluated(first), 150 - 128, 'whole tiles')
  t.equal(await evaluated(Int32Array.of(...first.slice(0, 100), ...someIds(60, 3))), 160 - 96)
  t.equal(await evaluated(first), 150 - 128, 'the other one took a copy')
  t.equal(await evaluated(Int32Array.of(...first.slice(0, 66))), 66 - 64)
  t.equal(await evaluated(Int32Array.of(5, ...first)), 151, 'another beginning')
  await batch.dispose()
})

t.test('a beginning is taken from a sequence that still runs', async (t) => {
  const batch = model.createBatch({ slots: 2 })
  const ids = someIds(100)
  const running = batch.generate(ids, { ignoreEos: true })
  const iterator = running[Symbol.asyncIterator]()
  await iterator.next()
  const other = await batch.generate(ids, { maxTokens: 4, ignoreEos: true }).result
  t.equal(other.timings.promptTokens, 4)
  t.same([...other.tokens], await alone(ids, { maxTokens: 4, ignoreEos: true }))
  await iterator.return?.()
  t.equal((await running.result).finishReason, 'aborted')
  await batch.dispose()
})

t.test('pieces, stop strings and timings are those of a session', async (t) => {
  const batch = model.createBatch()
  const generation = batch.generate(question, { ...GREEDY, stop: ['body of'] })
  let text = ''
  for await (const piece of generation) text += piece
  const result = await generation.result
  t.match(result, { text, finishReason: 'stop', stopString: 'body of' })
  t.equal(text, 'Ocean is a noun. It means "a large ')
  t.equal(result.timings.promptTokens, question.length)
  for (const value of Object.values(result.timings)) t.ok(value > 0)
  t.equal((await batch.generate('Define', { maxTokens: 2 }).result).timings.promptTokens, 2, 'BOS and a word')
  t.match(await batch.generate(question, { maxTokens: 0 }).result, { text: '', finishReason: 'length' })
  await batch.dispose()
})

t.test('one that is stopped leaves the others alone', async (t) => {
  const batch = model.createBatch({ slots: 2 })
  const controller = new AbortController()
  const stopped = batch.generate(question, { ignoreEos: true, signal: controller.signal })
  const other = batch.generate(question, GREEDY)
  const waiting = new AbortController()
  const queued = batch.generate(question, { ignoreEos: true, signal: waiting.signal })
  t.match({ running: batch.running, waiting: batch.waiting }, { running: 2, waiting: 1 })
  waiting.abort()
  t.match(await queued.result, { finishReason: 'aborted', text: '' })
  let text = ''
  for await (const piece of stopped) {
    text += piece
    controller.abort()
  }
  t.match(await stopped.result, { finishReason: 'aborted', text })
  t.match(await other.result, { finishReason: 'eos', text: /^Ocean is a noun/ })
  t.match(await batch.generate(question, { signal: AbortSignal.abort() }).result, { finishReason: 'aborted' })
  t.match({ running: batch.running, waiting: batch.waiting }, { running: 0, waiting: 0 })
  await batch.dispose()
})

t.test('what cannot be used is refused at the call', async (t) => {
  const batch = model.createBatch({ slots: 1, maxWaiting: 1, nCtx: 64 })
  t.throws(() => batch.generate([]), { code: 'E_USAGE' })
  t.throws(() => batch.generate([model.vocabSize]), { code: 'E_USAGE' })
  t.throws(() => batch.generate(someIds(65)), { code: 'E_CONTEXT_FULL' })
  t.throws(() => batch.generate('x', { temp: 1 } as object), { code: 'E_USAGE' })
  const running = [batch.generate(question), batch.generate(question)]
  t.throws(() => batch.generate(question), { code: 'E_BUSY', message: '1 generations run and 1 wait.' })
  for (const { result } of running) t.match(await result, { finishReason: 'eos' })
  t.throws(() => model.createBatch({ slots: 0 }), { code: 'E_USAGE', message: /for slots but received 0/ })
  t.throws(() => model.createBatch({ nCtx: 4096 }), { code: 'E_USAGE' })
  t.equal(batch.kvBytes * 2, model.createBatch({ slots: 2, nCtx: 64 }).kvBytes)
  await batch.dispose()
  t.throws(() => batch.generate(question), { code: 'E_DISPOSED' })
})

t.test('disposing the batch or the model ends what runs and what waits', async (t) => {
  for (const what of ['batch', 'model'] as const) {
    const one = await Model.load(path, { threads: 1 })
    const batch = one.createBatch({ slots: 1 })
    const generations = [1, 2].map(() => batch.generate(question, { ignoreEos: true }))
    await generations[0]?.[Symbol.asyncIterator]().next()
    await (what === 'batch' ? batch : one).dispose()
    for (const { result } of generations) t.match(await result, { finishReason: 'aborted' }, what)
    await batch.dispose()
    await one.dispose()
  }
})

t.test('an idle batch does not keep the process alive, a busy one does', async (t) => {
  const source = `
    import { Model } from './dist/index.js'
    const model = await Model.load(${JSON.stringify(path)}, { threads: 1 })
    const batch = model.createBatch()
    await batch.generate('Define', { maxTokens: 3 }).result
    batch.generate('Define', { maxTokens: 3 }).result.then(({ tokens }) => console.log(tokens.length))`
  t.match(await startScript(source).exit, { code: 0, stdout: '3\n', stderr: '' })
})
