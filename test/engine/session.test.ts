import tap from 'tap'
import { Model, type Session } from '../../src/index.js'
import { goldenJson } from '../support/golden.js'
import { lexiconFile } from '../support/lexicon.js'

const { prompts } = goldenJson<{ prompts: { weights: string; ids: number[] }[] }>(
  'lexicon/golden/golden.json',
)
const ids = Int32Array.from(prompts[1]?.ids ?? []).subarray(0, 36)
const vocab = 4096

/** Largest difference of two arrays of one length. */
function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0)
}

tap.test('sessions', async (t) => {
  const model = await Model.load(await lexiconFile(t, 'f16'), { threads: 2, isa: 'reference' })
  t.teardown(() => model.dispose())
  const whole = model.createSession({ kvType: 'f32' })
  const all = await whole.evaluate(ids, { logits: 'all' })

  t.test('evaluate gives every row, the last, or none', async (t) => {
    t.equal(all.length, ids.length * vocab)
    t.equal(whole.nPast, ids.length)
    t.same(whole.tokens, ids)
    const session = model.createSession({ kvType: 'f32' })
    const last = await session.evaluate(ids)
    t.same(last, all.subarray((ids.length - 1) * vocab))
    session.truncate(0)
    t.equal((await session.evaluate(Array.from(ids), { logits: 'none' })).length, 0)
    t.equal(session.nPast, ids.length)
    await session.dispose()
  })

  t.test('any split of the prompt gives the same logits', async (t) => {
    for (const nBatch of [1, 7]) {
      const session = model.createSession({ nBatch, nCtx: 100, kvType: 'f32' })
      const first = await session.evaluate(ids.subarray(0, 15), { logits: 'all' })
      const second = await session.evaluate(ids.subarray(15), { logits: 'all' })
      t.ok(distance(first, all.subarray(0, 15 * vocab)) < 1e-3, `first part, batches of ${nBatch}`)
      t.ok(distance(second, all.subarray(15 * vocab)) < 1e-3, `second part, batches of ${nBatch}`)
      await session.dispose()
    }
  })

  t.test('truncate goes back; reuse keeps what is common', async (t) => {
    const session = model.createSession()
    await session.evaluate(ids, { logits: 'none' })
    session.truncate(10)
    t.equal(session.nPast, 10)
    t.same(session.tokens, ids.subarray(0, 10))
    t.throws(() => session.truncate(11), { code: 'E_USAGE', message: /between 0 and 10/ })
    t.throws(() => session.truncate(-1), { code: 'E_USAGE' })
    await session.evaluate(ids.subarray(10), { logits: 'none' })

    t.same(session.reuse(ids), ids.subarray(ids.length - 1), 'the last one is always evaluated')
    t.equal(session.nPast, ids.length - 1)
    const other = Int32Array.of(...ids.subarray(0, 20), 77, 78)
    t.same(session.reuse(other), Int32Array.of(77, 78))
    t.equal(session.nPast, 20)
    t.same(session.reuse(Int32Array.of(77)), Int32Array.of(77))
    t.equal(session.nPast, 0)
    await session.dispose()
  })

  t.test('ids and options are checked', async (t) => {
    const session = model.createSession({ nCtx: 16 })
    const rejects = (call: Promise<unknown>, message: RegExp) => t.rejects(call, { code: 'E_USAGE', message })
    await rejects(session.evaluate([]), /at least one token id/)
    await rejects(
      session.evaluate([4096]),
      /^Expected an integer between 0 and 4095 for ids\[0\] but received 4096\.$/,
    )
    await rejects(session.evaluate([1, -1]), /ids\[1\] but received -1/)
    await rejects(session.evaluate([1.5]), /ids\[0\] but received 1\.5/)
    await rejects(session.evaluate('text' as unknown as number[]), /token ids .* received "text"/)
    await rejects(session.evaluate([1], { logits: 'some' as 'all' }), /one of all, last, none for logits/)
    await rejects(session.evaluate([1], { signal: 5 as unknown as AbortSignal }), /an AbortSignal for signal/)
    await t.rejects(session.evaluate(ids), { code: 'E_CONTEXT_FULL', message: /36 tokens .* 16/ })
    t.equal(session.nPast, 0, 'nothing was evaluated')
    await session.evaluate(ids.subarray(0, 16))
    await t.rejects(session.evaluate([5]), { code: 'E_CONTEXT_FULL' })
    t.equal(session.nPast, 16)
    await session.dispose()
  })

  t.test('one call at a time', async (t) => {
    const session = model.createSession()
    const first = session.evaluate(ids)
    const busy = { code: 'E_USAGE', message: /^The session is busy/ }
    await t.rejects(session.evaluate(ids), busy)
    t.throws(() => session.generate('a'), busy)
    t.throws(() => session.truncate(0), busy)
    t.throws(() => session.reuse(ids), busy)
    t.equal((await first).length, vocab)
    t.equal((await session.evaluate([5])).length, vocab, 'free again')
    await session.dispose()
  })

  t.test('sessions of one model run at once and do not disturb each other', async (t) => {
    const sessions = Array.from({ length: 4 }, () => model.createSession({ nCtx: 64 }))
    const rows = await Promise.all(sessions.map((session) => session.evaluate(ids)))
    for (const row of rows) t.same(row, rows[0])
    await Promise.all(sessions.map((session) => session.dispose()))
  })

  t.test('an aborted evaluation leaves the cache as it was', async (t) => {
    const session = model.createSession({ nBatch: 1, kvType: 'f32' })
    await session.evaluate(ids.subarray(0, 5))
    const controller = new AbortController()
    const running = session.evaluate(ids.subarray(5), { signal: controller.signal })
    setTimeout(() => controller.abort('enough'), 5)
    await t.rejects(running, { code: 'E_ABORTED', cause: 'enough' })
    t.equal(session.nPast, 5)
    await t.rejects(session.evaluate([1], { signal: AbortSignal.abort() }), { code: 'E_ABORTED' })
    const row = await session.evaluate(ids.subarray(5))
    t.ok(distance(row, all.subarray((ids.length - 1) * vocab)) < 1e-3, 'and it can go on')
    await session.dispose()
  })

  t.test('disposing while it evaluates', async (t) => {
    const session = model.createSession({ nBatch: 1 })
    const running = t.rejects(session.evaluate(ids), { code: 'E_DISPOSED' })
    await Promise.all([session.dispose(), session.dispose()])
    await running
    t.ok(session.disposed)
  })

  t.test('kv caches of every type', async (t) => {
    const bytes: number[] = []
    for (const kvType of ['f32', 'f16', 'q8_0'] as const) {
      const session = model.createSession({ kvType })
      const row = await session.evaluate(ids)
      const limit = { f32: 1e-3, f16: 0.1, q8_0: 3 }[kvType]
      t.ok(distance(row, all.subarray((ids.length - 1) * vocab)) < limit, kvType)
      bytes.push(session.kvBytes)
      await session.dispose()
    }
    const [f32 = 0, f16 = 0, q8 = 0] = bytes
    t.ok(f32 > f16 && f16 > q8 && q8 > 0, `${bytes}`)
  })

  t.test('sessions nobody disposes end with the model', async (t) => {
    const other = await Model.load(await lexiconFile(t, 'f16'))
    const sessions: Session[] = [other.createSession(), other.createSession()]
    await other.dispose()
    t.ok(sessions.every((session) => session.disposed))
  })
})
