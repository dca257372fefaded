import t from 'tap'
import { logitsOf, pick, support } from './fixtures.js'

const fiveProbabilities = [0.1, 0.4, 0.05, 0.3, 0.15]
const five = logitsOf(fiveProbabilities)

t.test('greedy', async (t) => {
  t.equal(pick(five, { temperature: 0 }), 1)
  t.equal(pick(five, { temperature: -1 }), 1)
  t.equal(pick(Float32Array.of(2, 7, 7, 1), { temperature: 0 }), 1, 'the first of equals')
  for (const length of [1, 2, 15, 16, 17, 31, 33, 1000, 32000]) {
    for (const best of new Set([0, length >> 1, length - 1])) {
      const logits = Float32Array.from({ length }, (_, i) => (i === best ? 1 : -i))
      t.equal(pick(logits, { temperature: 0 }), best, `${best} of ${length}`)
    }
  }
})

t.test('top_k', async (t) => {
  t.same(support(five, { topK: 1 }), [1])
  t.same(support(five, { topK: 2 }), [1, 3])
  t.same(support(five, { topK: 3 }), [1, 3, 4])
  for (const topK of [0, 5, 6, 2 ** 31 - 1])
    t.same(support(five, { topK }), [0, 1, 2, 3, 4], `${topK} is all`)
  t.same(support(new Float32Array(100), { topK: 3 }), [0, 1, 2], 'the first of equals')
  const far = Float32Array.of(0, 100, 200, 300, 400)
  t.same(support(far, { topK: 3, temperature: 1000 }), [2, 3, 4], 'however far apart')
})

t.test('top_p', async (t) => {
  t.same(support(five, { topP: 0.39 }), [1])
  t.same(support(five, { topP: 0.41 }), [1, 3])
  t.same(support(five, { topP: 0.69 }), [1, 3])
  t.same(support(five, { topP: 0.71 }), [1, 3, 4])
  t.same(support(five, { topP: 0 }), [1], 'at least one')
  t.same(support(five, { topP: 1 }), [0, 1, 2, 3, 4])
  const flat = new Float32Array(1000)
  t.same(support(flat, { topP: 0.0051 }), [0, 1, 2, 3, 4, 5], 'the first of equals')
  t.equal(support(flat, { topP: 0.9995 }, { draws: 20_000 }).length, 1000, 'nearly all')
})

t.test('min_p', async (t) => {
  t.same(support(five, { minP: 0.76 }), [1])
  t.same(support(five, { minP: 0.74 }), [1, 3])
  t.same(support(five, { minP: 0.2 }), [0, 1, 3, 4])
  t.same(support(five, { minP: 1 }), [1], 'at least one')
})

t.test('typical_p', async (t) => {
  // Expected surprise 1.39 nats. Distances: 0.3 → 0.19, 0.4 → 0.47, 0.15 → 0.51, 0.1 → 0.91, 0.05 → 1.61
  t.same(support(five, { typicalP: 0.2 }), [3], 'not the most probable one')
  t.same(support(five, { typicalP: 0.5 }), [1, 3])
  t.same(support(five, { typicalP: 0.8 }), [1, 3, 4])
  t.same(support(five, { typicalP: 0.9 }), [0, 1, 3, 4])
})

t.test('the order of the chain', async (t) => {
  t.same(support(five, { topK: 3, topP: 0.8 }), [1, 3], 'top_p sees what top_k left: 0.47 + 0.35')
  t.same(
    support(five, { topP: 0.69, temperature: 5 }),
    [1, 3],
    'filters see the distribution before temperature',
  )
  t.same(support(five, { minP: 0.74, temperature: 10 }), [1, 3])
  t.same(support(five, { topK: 1, logitBias: [{ token: 2, bias: 9 }] }), [2], 'bias comes before filters')
  t.same(support(five, { topK: 1, repeatPenalty: 3 }, { history: [1] }), [3], 'so do penalties')
  t.equal(pick(five, { temperature: 0, logitBias: [{ token: 2, bias: 9 }] }), 2, 'greedy sees bias')
  t.equal(pick(five, { temperature: 0, repeatPenalty: 3 }, [1]), 3, 'and penalties')
})

t.test('penalties', async (t) => {
  const greedy = (logits: number[], options: Parameters<typeof pick>[1], history: number[]) =>
    pick(Float32Array.from(logits), { temperature: 0, ...options }, history)

  t.test('repetition: positive logits shrink, negative ones sink', async (t) => {
    t.equal(greedy([2, 1.1], { repeatPenalty: 1.8 }, [0]), 0, '2 / 1.8 > 1.1')
    t.equal(greedy([2, 1.1], { repeatPenalty: 1.9 }, [0]), 1)
    t.equal(greedy([-1, -1.7], { repeatPenalty: 1.6 }, [0]), 0, '-1 · 1.6 > -1.7')
    t.equal(greedy([-1, -1.7], { repeatPenalty: 1.8 }, [0]), 1)
    t.equal(greedy([2, 1.1], { repeatPenalty: 1.8 }, [0, 0, 0]), 0, 'once, however often')
  })

  t.test('frequency: by count', async (t) => {
    t.equal(greedy([2, 1], { frequencyPenalty: 0.4 }, [0, 0]), 0)
    t.equal(greedy([2, 1], { frequencyPenalty: 0.4 }, [0, 0, 0]), 1)
    t.equal(greedy([1, 2], { frequencyPenalty: -0.6 }, [0, 0]), 0, 'negative encourages')
  })

  t.test('presence: once', async (t) => {
    t.equal(greedy([2, 1], { presencePenalty: 0.9 }, [0, 0, 0, 0]), 0)
    t.equal(greedy([2, 1], { presencePenalty: 1.1 }, [0]), 1)
  })

  t.test('the window', async (t) => {
    const penalty = { presencePenalty: 5 }
    t.equal(greedy([2, 1, 0], { ...penalty, penaltyLastN: 2 }, [0, 2, 2]), 0, 'too long ago')
    t.equal(greedy([2, 1, 0], { ...penalty, penaltyLastN: 3 }, [0, 2, 2]), 1)
    t.equal(greedy([2, 1, 0], { ...penalty, penaltyLastN: 2 }, [2, 2, 2, 0, 2]), 1)
    t.equal(greedy([2, 1, 0], { ...penalty, penaltyLastN: 1 }, [0, 0, 0, 2]), 0)
    t.equal(greedy([2, 1, 0], { ...penalty, penaltyLastN: 0 }, [0]), 0, '0 is off')
    const long = [0, ...Array<number>(5000).fill(2)]
    t.equal(greedy([2, 1, 0], { ...penalty, penaltyLastN: -1 }, long), 1, '-1 is everything')
    t.equal(
      greedy([2, 1, 0], { frequencyPenalty: 0.6, penaltyLastN: 3 }, [0, 0, 0, 2, 2]),
      0,
      'counts go down again',
    )
  })

  t.test('ids that the logits lack do no harm', async (t) => {
    t.equal(greedy([2, 1], { presencePenalty: 5 }, [-1, 2, 2 ** 31 - 1, -(2 ** 31)]), 0)
  })
})

t.test('logit bias', async (t) => {
  const ban = (...tokens: number[]) => tokens.map((token) => ({ token, bias: -Infinity }))
  t.same(support(five, { logitBias: ban(1, 3) }), [0, 2, 4])
  t.same(support(five, { logitBias: ban(0, 1, 2, 4) }), [3])
  const twice = [
    { token: 0, bias: 1 },
    { token: 0, bias: 1 },
  ]
  t.equal(pick(Float32Array.of(0, 1.5), { temperature: 0, logitBias: twice }), 0, 'biases add up')
  const outside = [-1, 5, 2 ** 31 - 1].map((token) => ({ token, bias: 100 }))
  t.equal(pick(five, { temperature: 0, logitBias: outside }), 1, 'tokens outside are ignored')
})

t.test('temperature', async (t) => {
  t.same(support(five, { temperature: 0.01 }), [1], 'low: the best')
  t.same(support(Float32Array.of(0, 5, 10), { temperature: 1000 }), [0, 1, 2], 'high: all')
})
