// Decoding on a CUDA GPU with and without what a variable turns on or off, in turns, a line each: where it pays.
// Bundled into build/bench/gpu-switches.mjs; bench/gpu.sh runs it after its table, whose models it uses.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type PresetName, presetNames } from '../src/model/presets.js'
import { chosen } from './lib/chosen.js'
import { root } from './lib/openelm.js'
import { digits, summarize, withSpread } from './lib/stats.js'
import { runTrial } from './lib/trial.js'
import { parseTest, type TrialResult } from './peers/engines.js'
import { type RandomType, randomTypes, writeRandomGguf } from './peers/random-gguf.js'

const usage = `node build/bench/gpu-switches.mjs [options]

  --sizes LIST       ${presetNames.join(', ')} (default: 3B,270M)
  --tests LIST       tgN, tgN@dDEPTH (default: tg128)
  --types LIST       ${randomTypes.join(', ')} (default: q8_0,q4_0)
  --rounds N         processes of each setting (default: 2)
  --repetitions N    measurements in a process (default: 3)
  --seconds N        no process is started after so long (default: 150)
  --models FOLDER    where the random models are written (default: build/bench)
`

/** Beside none of them. What they do: native/gpu/README.md. */
const settings: readonly Readonly<Record<string, string>>[] = [
  {},
  { OPENELM_CUDA_CHAIN: '0' },
  { OPENELM_CUDA_CHAIN: '1' },
]

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '3B,270M' },
    tests: { type: 'string', default: 'tg128' },
    types: { type: 'string', default: 'q8_0,q4_0' },
    rounds: { type: 'string', default: '2' },
    repetitions: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '150' },
    models: { type: 'string', default: join(root, 'build/bench') },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const sizes = chosen('--sizes', values.sizes, presetNames)
const types = chosen('--types', values.types, randomTypes)
const tests = values.tests.split(',').map(parseTest)

const nameOf = (setting: Readonly<Record<string, string>>): string =>
  Object.entries(setting)
    .map(([name, value]) => `${name.replace('OPENELM_CUDA_', '')}=${value}`)
    .join(' ') || 'as it is'

/** Tokens a second, [setting][test][measurement]. */
async function measure(model: string): Promise<number[][][]> {
  const samples: number[][][] = settings.map(() => tests.map((): number[] => []))
  const given = { model, threads: 2, repetitions: Number(values.repetitions), tests, gpu: 'cuda' }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, env] of settings.entries()) {
      if (performance.now() > Number(values.seconds) * 1000) return samples
      const script = join(root, 'bench/peers/openelm.mjs')
      const result = (await runTrial(script, [JSON.stringify(given)], { cwd: root, env })) as TrialResult
      for (const [test, list] of result.samples.entries()) samples[i]?.[test]?.push(...list)
    }
  }
  return samples
}

/** A line a setting and test. */
async function compare(size: PresetName, type: RandomType): Promise<void> {
  if (performance.now() > Number(values.seconds) * 1000) {
    console.log(`${size} ${type}: left out for want of time`)
    return
  }
  const file = join(values.models, `random-${size}-${type}.gguf`)
  await writeRandomGguf(file, size, type)
  const samples = await measure(file)
  const bytes = statSync(file).size
  for (const [t, test] of tests.entries()) {
    const base = samples[0]?.[t] ?? []
    for (const [i, setting] of settings.entries()) {
      const list = samples[i]?.[t] ?? []
      const name = `${size} ${type} ${test.name}  ${nameOf(setting).padEnd(23)}`
      if (list.length === 0 || base.length === 0) {
        console.log(`${name}  left out for want of time`)
        continue
      }
      const rate = summarize(list)
      const ratio = rate.median / summarize(base).median
      console.log(
        `${name}  ${withSpread(rate)} tokens/s, ${digits((rate.median * bytes) / 1e9)} GB/s` +
          (i === 0 ? '' : `, ${ratio.toFixed(3)} times as fast`),
      )
    }
  }
}

for (const size of sizes) for (const type of types) await compare(size, type)
