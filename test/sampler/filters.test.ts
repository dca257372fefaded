/** The filters on whole vocabularies against their definitions: sort everything, add up in doubles. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { drawn, support } from './fixtures.js'

/** Tokens by descending key, ties by ascending id. */
const ranked = (keys: readonly number[]): number[] =>
  keys.map((_, id) => id).sort((a, b) => (keys[b] as number) - (keys[a] as number) || a - b)

const softmax = (logits: Float32Array): number[] => {
  const best = Math.max(...logits)
  const weights = Array.from(logits, (logit) => Math.exp(logit - best))
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((weight) => weight / sum)
}

/** How many of `order`, from the first on, it takes for their probabilities to reach p; at least one. */
const reaching = (order: readonly number[], probabilities: readonly number[], p: number): number => {
  let reached = 0
  let count = 0
  while (count < order.length && (count === 0 || reached < p))
    reached += probabilities[order[count++] as number] as number
  return count
}

/** Every token that is kept comes up: they are drawn from nearly equal weights. */
const keptOf = (logits: Float32Array, options: object): Set<number> =>
  new Set(support(logits, { ...options, temperature: 1e6 }, { draws: 40 * logits.length }))

/** Vocabularies around the sizes where the method changes, and with many equal logits. */
const logitsArbitrary = fc
  .record({
    length: fc.constantFrom(1, 2, 63, 64, 65, 255, 256, 257, 300, 511, 700),
    seed: fc.nat(),
    scale: fc.constantFrom(0, 0.01, 1, 8, 60, 1000),
    step: fc.constantFrom(0, 0.5, 3),
  })
  .map(({ length, seed, scale, step }) => {
    let state = seed >>> 0
    return Float32Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      const logit = scale * (state / 2 ** 32 - 0.5)
      return step > 0 ? Math.round(logit / step) * step : logit
    })
  })

t.test('top_k keeps the k best', async () => {
  fc.assert(
    fc.property(logitsArbitrary, fc.integer({ min: 1, max: 800 }), (logits, topK) => {
      const expected = new Set(ranked([...logits]).slice(0, topK))
      // Far apart, they do not all come up; none of the others may.
      for (const id of keptOf(logits, { topK })) assert.ok(expected.has(id), `${id}`)
      if (Math.max(...logits) - Math.min(...logits) < 1e4)
        assert.equal(keptOf(logits, { topK }).size, expected.size)
    }),
    { numRuns: 40 },
  )
})

/** Kept tokens are a prefix of `order`, as long as p demands; sums within 1e-5 of p may fall to either side. */
function assertReaches(kept: Set<number>, order: number[], probabilities: number[], p: number): void {
  const least = reaching(order, probabilities, p - 1e-5)
  const most = reaching(order, probabilities, p + 1e-5)
  assert.ok(kept.size >= least && kept.size <= most, `${least} <= ${kept.size} <= ${most}`)
  assert.deepEqual(kept, new Set(order.slice(0, kept.size)))
}

t.test('top_p keeps the best until they reach p', async () => {
  fc.assert(
    fc.property(logitsArbitrary, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (logits, topP) => {
      const kept = keptOf(logits, { topP })
      assertReaches(kept, ranked([...logits]), softmax(logits), topP)
    }),
    { numRuns: 40 },
  )
})

t.test('typical_p keeps those of the most expected surprise', async () => {
  const distinct = logitsArbitrary.filter((logits) => new Set(logits).size === logits.length)
  fc.assert(
    fc.property(distinct, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (logits, typicalP) => {
      const probabilities = softmax(logits)
      const surprise = probabilities.map((p) => -Math.log(p))
      const mean = probabilities.reduce((sum, p, i) => sum + (p > 0 ? p * (surprise[i] as number) : 0), 0)
      const distance = surprise.map((s) => Math.abs(s - mean))
      const kept = keptOf(logits, { typicalP })
      const least = reaching(ranked(distance.map((d) => -d)), probabilities, typicalP - 1e-4)
      const total = [...kept].reduce((sum, id) => sum + (probabilities[id] as number), 0)
      assert.ok(
        kept.size === 1 || total >= typicalP - 1e-4,
        `${kept.size} tokens of ${total}, at least ${least}`,
      )
      const farthest = Math.max(...[...kept].map((id) => distance[id] as number))
      distance.forEach((d, id) => {
        if (!kept.has(id)) assert.ok(d >= farthest - 1e-3 * (1 + farthest), `${id} is nearer`)
      })
    }),
    { numRuns: 40 },
  )
})

t.test('min_p keeps what is probable enough', async () => {
  fc.assert(
    fc.property(logitsArbitrary, fc.double({ min: 0.001, max: 0.99, noNaN: true }), (logits, minP) => {
      const best = Math.max(...logits)
      const kept = keptOf(logits, { minP })
      logits.forEach((logit, id) => {
        const distance = logit - best - Math.log(minP)
        if (Math.abs(distance) > 1e-4) assert.equal(kept.has(id), distance > 0, `${id}`)
      })
    }),
    { numRuns: 40 },
  )
})

t.test('a filter that drops little, then others: as one after the other', async (t) => {
  const logits = Float32Array.from({ length: 3000 }, (_, id) => ((id * 7919) % 3000) / 1000)
  const best = (count: number) => new Set(ranked([...logits]).slice(0, count))
  t.same(keptOf(logits, { topK: 2900, minP: 1e-9 }), best(2900), 'masked')
  t.same(keptOf(logits, { topK: 100, minP: 1e-9 }), best(100), 'gathered')
  const masked = softmax(logits.map((logit, id) => (best(2900).has(id) ? logit : -Infinity)))
  t.same(keptOf(logits, { topK: 2900, topP: 0.5 }), best(reaching(ranked([...logits]), masked, 0.5)))
})

t.test('equal logits of a whole vocabulary', async (t) => {
  const logits = new Float32Array(32_000).fill(-3)
  const [least, most] = [(ids: Int32Array) => Math.min(...ids), (ids: Int32Array) => Math.max(...ids)]
  for (const [options, count] of [
    [{ topK: 20_000 }, 20_000],
    [{ topP: 0.5 }, 16_000],
    [{ typicalP: 0.25 }, 8000],
    [{ topK: 16_000, topP: 0.5 }, 8000],
    [{ minP: 1 }, 32_000],
  ] as const) {
    const ids = drawn(logits, options, { draws: 3000 })
    t.ok(least(ids) < count / 100 && most(ids) < count && most(ids) > 0.99 * count, `${count}`)
  }
})
