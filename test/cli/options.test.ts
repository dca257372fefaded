import { Command } from 'commander'
import tap from 'tap'
import {
  addOptions,
  contextOptions,
  modelOptions,
  readOptions,
  samplingOptions,
  toLoadOptions,
  toSampling,
  toSessionOptions,
} from '../../src/cli/options.js'

const specs = { ...modelOptions, ...contextOptions, ...samplingOptions }

function parse(...args: string[]) {
  const command = new Command().exitOverride()
  addOptions(command, specs)
  return readOptions(specs, command.parse(args, { from: 'user' }).opts())
}

tap.test('what is not given is left out', async (t) => {
  const values = parse()
  t.same(toLoadOptions(values), {})
  t.same(toSessionOptions(values), {})
  t.same(toSampling(values), {})
})

tap.test('every option reaches the name it has in the library', async (t) => {
  const values = parse(
    ...['-m', 'a.gguf', '-t', '2', '--isa', 'reference', '-c', '64', '--kv-type', 'q8_0', '-b', '16'],
    ...['--backend', 'cuda', '--gpu-layers', '20', '--activations', 'int8'],
    ...['--temp', '.5', '--top-k', '40', '--top-p', '0.9', '--min-p', '0.05', '--typical-p', '1e-1'],
    ...['--repeat-penalty', '1.1', '--repeat-last-n', '-1', '--frequency-penalty', '-0.5'],
    ...['--presence-penalty', '+1', '-s', '18446744073709551615'],
    ...['--logit-bias', '5-inf', '--logit-bias', '7+1.5'],
  )
  t.equal(values.model, 'a.gguf')
  t.same(toLoadOptions(values), {
    threads: 2,
    isa: 'reference',
    activations: 'int8',
    backend: 'cuda',
    gpuLayers: 20,
  })
  t.same(toSessionOptions(values), { nCtx: 64, kvType: 'q8_0', nBatch: 16 })
  t.same(toSampling(values), {
    temperature: 0.5,
    topK: 40,
    topP: 0.9,
    minP: 0.05,
    typicalP: 0.1,
    repeatPenalty: 1.1,
    penaltyLastN: -1,
    frequencyPenalty: -0.5,
    presencePenalty: 1,
    seed: 18446744073709551615n,
    logitBias: { 5: Number.NEGATIVE_INFINITY, 7: 1.5 },
  })
})

tap.test('errors name the option and what was written', async (t) => {
  const cases: [string[], string][] = [
    [['-t', '0'], 'Expected an integer between 1 and 256 for --threads but received "0".'],
    [['-t', '1.5'], 'Expected an integer between 1 and 256 for --threads but received "1.5".'],
    [['-t', ''], 'Expected an integer between 1 and 256 for --threads but received "".'],
    [['--isa', 'avx3'], 'Expected one of reference, avx2, avx512, amx, neon for --isa but received "avx3".'],
    [['--activations', 'int4'], 'Expected one of auto, int8 for --activations but received "int4".'],
    [['-c', '0x10'], 'Expected an integer between 1 and 1048576 for --ctx-size but received "0x10".'],
    [['--kv-type', 'int8'], 'Expected one of f32, f16, q8_0 for --kv-type but received "int8".'],
    [['--temp', 'warm'], 'Expected a number between 0 and 100 for --temp but received "warm".'],
    [['--top-p', '1.5'], 'Expected a number between 0 and 1 for --top-p but received "1.5".'],
    [['-s', '-1'], 'Expected an integer between 0 and 2^64 - 1 for --seed but received "-1".'],
    [
      ['-s', '18446744073709551616'],
      'Expected an integer between 0 and 2^64 - 1 for --seed but received "18446744073709551616".',
    ],
    [['-m', ''], 'Expected the path or name of a model for --model but received "".'],
  ]
  for (const [args, message] of cases)
    t.throws(() => parse(...args), { code: 'E_USAGE', message }, args.join(' '))
  t.throws(() => parse('--logit-bias', '5'), {
    code: 'E_USAGE',
    message: /^Expected ID\+BIAS .* received "5"\.$/,
  })
})
