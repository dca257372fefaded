import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { loadNative } from '../../src/native/load.js'
import { logitsOf, neutral, pick, support } from './fixtures.js'

const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minusInf } = Number

t.test('NaN is never chosen while there is anything else', async (t) => {
  t.equal(pick(Float32Array.of(nan, -5, nan), { temperature: 0 }), 1)
  t.same(support(Float32Array.of(nan, -5, nan, -5)), [1, 3])
  t.same(
    support(Float32Array.of(nan, -5, nan, -5), { topK: 3, topP: 0.99, typicalP: 0.99, minP: 0.01 }),
    [1, 3],
  )
})

t.test('+infinity wins, -infinity never comes', async (t) => {
  t.equal(pick(Float32Array.of(1, inf, 3), { temperature: 0 }), 1)
  t.same(support(Float32Array.of(1, inf, 3, inf)), [1, 3])
  t.same(support(Float32Array.of(minusInf, 0, minusInf, 0)), [1, 3])
  t.same(support(Float32Array.of(3.4e38, -3.4e38, 3.4e38)), [0, 2])
})

t.test('nothing to choose from', async (t) => {
  for (const value of [nan, minusInf]) {
    for (const temperature of [0, 1]) t.equal(pick(new Float32Array(20).fill(value), { temperature }), 0)
  }
  t.equal(pick(new Float32Array(0)), -1, 'no logits')
  t.equal(pick(Float32Array.of(-3)), 0, 'one')
})

t.test('temperatures at the ends', async (t) => {
  const logits = logitsOf([0.3, 0.7])
  for (const temperature of [1e-30, 1e-45, 1e-6]) t.same(support(logits, { temperature }), [1])
  t.same(support(logits, { temperature: 3e38 }), [0, 1])
  t.equal(pick(logits, { temperature: nan }), 1, 'no number is greedy')
})

t.test('whatever the logits and options: an index', async () => {
  const strange = fc.constantFrom(nan, inf, minusInf, 0, -0, 3.4e38, -3.4e38, 1e-45, 1)
  const value = fc.oneof(strange, fc.double({ min: -50, max: 50, noNaN: true }))
  const option = fc.oneof(fc.constantFrom(nan, inf, minusInf, 0, 1, -1, 0.5, 1e-10), fc.double())
  const whole = fc.oneof(fc.constantFrom(nan, inf, minusInf, 0, -1, 1, 2, 40), fc.integer())
  const names = [
    'temperature',
    'topP',
    'minP',
    'typicalP',
    'repeatPenalty',
    'frequencyPenalty',
    'presencePenalty',
  ]
  const options = fc.record({
    ...Object.fromEntries(names.map((name) => [name, option])),
    topK: whole,
    penaltyLastN: whole,
    seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    logitBias: fc.array(fc.record({ token: whole, bias: option }), { maxLength: 3 }),
  })
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 70 }),
      options,
      fc.array(fc.integer({ min: -2, max: 80 }), { maxLength: 20 }),
      (logits, chosen, history) => {
        const id = pick(Float32Array.from(logits), chosen, history)
        assert.ok(Number.isInteger(id) && id >= 0 && id < logits.length, `${id}`)
      },
    ),
    { numRuns: 5000 },
  )
})

t.test('arguments of the wrong type are errors', async (t) => {
  const { sample } = loadNative()
  const logits = new Float32Array(3)
  const history = new Int32Array(0)
  const bad: [string, unknown, unknown, unknown][] = [
    ['logits', [1, 2], history, neutral],
    ['logits of another type', new Float64Array(3), history, neutral],
    ['history', logits, [1], neutral],
    ['options', logits, history, undefined],
    ['a field missing', logits, history, { ...neutral, topK: undefined }],
    ['a field that is text', logits, history, { ...neutral, topP: '1' }],
    ['seed', logits, history, { ...neutral, seed: 1 }],
    ['bias', logits, history, { ...neutral, logitBias: {} }],
    ['entries of bias', logits, history, { ...neutral, logitBias: [1] }],
    ['fields of bias', logits, history, { ...neutral, logitBias: [{ token: 1 }] }],
  ]
  for (const [name, ...args] of bad) {
    t.throws(() => sample(...(args as Parameters<typeof sample>)), { code: 'INVALID' }, name)
  }
})
