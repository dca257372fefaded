import t from 'tap'
import { chiSquare, drawn, logitsOf, neutral, pick } from './fixtures.js'

const probabilities = [0.02, 0.4, 0.05, 0.25, 0.08, 0.2]
const logits = logitsOf(probabilities)
const draws = 20_000

/** Chance of a larger statistic: one in a million. With a fixed seed the test either always passes or never. */
const bound: Readonly<Record<number, number>> = { 1: 23.9, 2: 27.6, 5: 35.9, 9: 45.1, 99: 180 }

function normalized(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((weight) => weight / sum)
}

t.test('frequencies', async (t) => {
  const cases: [string, Parameters<typeof drawn>[1], number[], number][] = [
    ['softmax', {}, probabilities, 5],
    ['temperature 0.5', { temperature: 0.5 }, normalized(probabilities.map((p) => p ** 2)), 5],
    ['temperature 2', { temperature: 2 }, normalized(probabilities.map(Math.sqrt)), 5],
    ['top_k 3', { topK: 3 }, normalized([0, 0.4, 0, 0.25, 0, 0.2]), 2],
    ['top_p 0.6', { topP: 0.6 }, normalized([0, 0.4, 0, 0.25, 0, 0]), 1],
    ['min_p 0.4', { minP: 0.4, temperature: 2 }, normalized([0, 0.4, 0, 0.25, 0, 0.2].map(Math.sqrt)), 2],
    [
      'bias',
      { logitBias: [{ token: 0, bias: Math.log(10) }] },
      normalized([0.2, 0.4, 0.05, 0.25, 0.08, 0.2]),
      5,
    ],
  ]
  for (const [name, options, expected, freedom] of cases) {
    const statistic = chiSquare(drawn(logits, options, { draws }), expected)
    t.ok(statistic < (bound[freedom] as number), `${name}: ${statistic.toFixed(2)}`)
  }
})

t.test('more tokens than a block of the walk', async (t) => {
  const flat = new Float32Array(100)
  const statistic = chiSquare(drawn(flat, {}, { draws: 50_000 }), Array<number>(100).fill(0.01))
  t.ok(statistic < (bound[99] as number), statistic.toFixed(2))
})

t.test('the first draws of neighbouring seeds are independent', async (t) => {
  const first = Int32Array.from({ length: 5000 }, (_, i) => pick(new Float32Array(10), { seed: BigInt(i) }))
  const statistic = chiSquare(first, Array<number>(10).fill(0.1))
  t.ok(statistic < (bound[9] as number), statistic.toFixed(2))
})

t.test('consecutive draws are independent', async (t) => {
  const tokens = drawn(new Float32Array(10), {}, { draws: 40_000 })
  const pairs = Int32Array.from({ length: tokens.length / 2 }, (_, i) => {
    return (tokens[2 * i] as number) * 10 + (tokens[2 * i + 1] as number)
  })
  const statistic = chiSquare(pairs, Array<number>(100).fill(0.01))
  t.ok(statistic < (bound[99] as number), statistic.toFixed(2))
})

t.test('a seed always gives the same tokens', async (t) => {
  for (const options of [
    {},
    { topK: 4 },
    { topP: 0.9 },
    { minP: 0.1 },
    { typicalP: 0.9 },
    { temperature: 0.7 },
  ]) {
    t.same(drawn(logits, options, { draws: 50 }), drawn(logits, options, { draws: 50 }))
  }
  t.not(drawn(logits, { seed: 1n }, { draws: 50 }).join(), drawn(logits, { seed: 2n }, { draws: 50 }).join())
  t.same(drawn(logits, { seed: 2n ** 64n - 1n }, { draws: 5 }).length, 5, 'the largest seed')
})

t.test('the sequence of a seed is fixed for ever', async (t) => {
  // PCG-XSH-RR 64/32 seeded through SplitMix64, computed here with exact integers
  const mask = 2n ** 64n - 1n
  let z = (neutral.seed + 0x9e3779b97f4a7c15n) & mask
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask
  const seed = z ^ (z >> 31n)
  let state = 0n
  const next = (): bigint => {
    const old = state
    state = (old * 6364136223846793005n + 1442695040888963407n) & mask
    const shifted = (((old >> 18n) ^ old) >> 27n) & 0xffffffffn
    const turn = old >> 59n
    return ((shifted >> turn) | (shifted << ((32n - turn) & 31n))) & 0xffffffffn
  }
  next()
  state = (state + seed) & mask
  next()
  const uniform = () => Number(((next() >> 5n) << 26n) | (next() >> 6n)) * 2 ** -53
  const width = 1024
  const expected = Array.from({ length: 40 }, () => Math.floor(uniform() * width))
  t.same([...drawn(new Float32Array(width), {}, { draws: 40 })], expected)
})

t.test('the logits stay as they are', async (t) => {
  const before = Float32Array.from(logits)
  drawn(
    logits,
    { repeatPenalty: 2, topK: 3, logitBias: [{ token: 1, bias: 3 }] },
    { history: [1, 2], draws: 3 },
  )
  t.same(logits, before)
})
