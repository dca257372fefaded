import tap from 'tap'
import { FAMILY_SAMPLING, resolveSampling } from '../../src/engine/sampling.js'
import type { SamplingOptions } from '../../src/engine/types.js'

const resolve = (options: SamplingOptions) => resolveSampling(options, FAMILY_SAMPLING, 100)

tap.test('what is not given comes from the defaults', async (t) => {
  const { seed, ...rest } = resolve({ temperature: 0.5, seed: 7 })
  t.equal(seed, 7n)
  t.same(rest, { ...FAMILY_SAMPLING, temperature: 0.5, logitBias: [] })
  t.same(resolveSampling({}, { ...FAMILY_SAMPLING, repeatPenalty: 1 }, 100).repeatPenalty, 1)
})

tap.test('a seed nobody gave is a new one each time', async (t) => {
  t.not(resolve({}).seed, resolve({}).seed)
})

tap.test('biases become pairs', async (t) => {
  t.same(resolve({ logitBias: { 3: -1.5, 99: Number.NEGATIVE_INFINITY } }).logitBias, [
    { token: 3, bias: -1.5 },
    { token: 99, bias: Number.NEGATIVE_INFINITY },
  ])
})

tap.test('misuse is refused in words', async (t) => {
  const cases: [unknown, RegExp][] = [
    [{ temperature: -1 }, /^Expected a number between 0 and 100 for temperature but received -1\.$/],
    [{ temperature: Number.NaN }, /for temperature but received NaN/],
    [{ temperature: 'hot' }, /for temperature but received "hot"/],
    [{ topK: 1.5 }, /^Expected an integer between 0 and 2147483647 for topK but received 1\.5\.$/],
    [{ topP: 2 }, /between 0 and 1 for topP/],
    [{ minP: -0.1 }, /between 0 and 1 for minP/],
    [{ typicalP: 1.1 }, /between 0 and 1 for typicalP/],
    [{ repeatPenalty: 0 }, /for repeatPenalty but received 0/],
    [{ penaltyLastN: -2 }, /for penaltyLastN but received -2/],
    [{ seed: -1 }, /^Expected an integer between 0 and 2\^64 - 1 for seed but received -1\.$/],
    [{ seed: 2n ** 64n }, /for seed/],
    [
      { logitBias: { 100: 1 } },
      /^Expected an integer between 0 and 99 for logitBias \(token id\) but received 100\.$/,
    ],
    [{ logitBias: { 1: Number.NaN } }, /for logitBias\.1 but received NaN/],
    [{ temprature: 1 }, /^Unknown option "temprature" in sampling options\.$/],
    [null, /^Expected an object for sampling options but received null\.$/],
  ]
  for (const [options, message] of cases) {
    t.throws(() => resolve(options as SamplingOptions), { code: 'E_USAGE', message }, String(message))
  }
})
