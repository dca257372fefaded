// The table of bench/gpu.sh: tokens a second on a GPU, of openelm and, where its package for that GPU is installed, of
// node-llama-cpp; the same random GGUF files for both, fresh processes in alternation. Bundled into build/bench/gpu.mjs, it
// runs on a machine that has Node.js and dist/ but no development dependencies.

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { parameterCount } from '../src/model/config.js'
import { presetConfig, presetNames } from '../src/model/presets.js'
import { chosen } from './lib/chosen.js'
import { root } from './lib/openelm.js'
import { digits, type Summary, summarize, withSpread } from './lib/stats.js'
import { markdownTable } from './lib/table.js'
import { type Engine, openelm, parseTest, peerEngines, type TrialResult } from './peers/engines.js'
import { hasLlamaFor } from './peers/install.js'
import { type RandomType, randomTypes, writeRandomGguf } from './peers/random-gguf.js'

const usage = `node build/bench/gpu.mjs [options]

  --backend NAME   cuda or metal (default: cuda)
  --sizes LIST     ${presetNames.join(', ')} (default: 270M,3B)
  --types LIST     ${randomTypes.join(', ')} (default: q8_0,q4_0)
  --tests LIST     ppN, tgN, tgN@dDEPTH (default: pp512,pp2048,tg128)
  --rounds N       processes of each engine (default: 2)
  --repetitions N  measurements of each test in a process (default: 5)
  --seconds N      no process is started after so long (default: 360)
  --kernels FILE   what "gpu_check --bench" printed: its first line has the bandwidth of memory
  --models FOLDER  where the random models are written (default: build/bench)
  --json FILE      where the results go (default: build/bench/gpu.json)
`

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cuda' },
    sizes: { type: 'string', default: '270M,3B' },
    types: { type: 'string', default: 'q8_0,q4_0' },
    tests: { type: 'string', default: 'pp512,pp2048,tg128' },
    rounds: { type: 'string', default: '2' },
    repetitions: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '360' },
    kernels: { type: 'string' },
    models: { type: 'string', default: join(root, 'build/bench') },
    json: { type: 'string', default: join(root, 'build/bench/gpu.json') },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const [gpu = 'cuda'] = chosen<'cuda' | 'metal'>('--backend', values.backend, ['cuda', 'metal'])
const sizes = chosen('--sizes', values.sizes, presetNames)
const types = chosen('--types', values.types, randomTypes)
const tests = values.tests.split(',').map(parseTest)
const [rounds, repetitions, seconds] = [values.rounds, values.repetitions, values.seconds].map(Number) as [
  number,
  number,
  number,
]

/** GB/s that memory reads, as the kernel bench measured it; undefined without that. */
function bandwidth(): number | undefined {
  if (values.kernels === undefined) return undefined
  const found = /^.* reads (\d+) GB\/s/.exec(readFileSync(values.kernels, 'utf8'))?.[1]
  return found === undefined ? undefined : Number(found)
}

interface Row {
  readonly model: string
  readonly test: string
  readonly openelm: Summary | undefined
  readonly peer: Summary | undefined
  /** GB/s of weights, for decoding. */
  readonly streamed: number | undefined
  /** TFLOP/s of the products with weights, for prompts. */
  readonly computed: number | undefined
}

const peer = hasLlamaFor(gpu) ? peerEngines.llama : undefined
const engines: readonly Engine[] = [openelm, ...(peer ? [peer] : [])]
const notes: string[] = peer ? [] : [`node-llama-cpp's package for ${gpu} is not installed: openelm alone`]
const backends = new Set<string>()

/** All samples of each engine, a list for each test; an engine that fails is left out, with a note. */
async function measure(file: string, type: RandomType): Promise<Map<Engine, number[][]>> {
  const samples = new Map<Engine, number[][]>()
  const failed = new Set<Engine>()
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      if (failed.has(engine)) continue
      if (performance.now() > seconds * 1000) {
        notes.push(`${engine.title} on ${file}, round ${round + 1}: left out for want of time`)
        continue
      }
      const options = { file, type, threads: 4, repetitions, tests, isa: undefined, gpu }
      const result = await engine.trial(options).catch((error: Error): TrialResult | undefined => {
        failed.add(engine)
        notes.push(`${engine.title} failed: ${error.message}`)
        return undefined
      })
      if (!result) continue
      backends.add(`${engine.title}: ${result.backend}`)
      const before = samples.get(engine) ?? tests.map(() => [])
      samples.set(
        engine,
        before.map((list, i) => [...list, ...(result.samples[i] ?? [])]),
      )
      process.stderr.write(`${engine.title} ${file}: round ${round + 1} of ${rounds}\n`)
    }
  }
  return samples
}

const rows: Row[] = []
for (const size of sizes) {
  for (const type of types) {
    const file = join(values.models, `random-${size}-${type}.gguf`)
    await writeRandomGguf(file, size, type)
    const samples = await measure(file, type)
    const summaries = (engine: Engine | undefined) =>
      (engine && samples.get(engine))?.map((list) => summarize(list))
    const [ours, theirs] = [summaries(openelm), summaries(peer)]
    tests.forEach((test, i) => {
      const rate = ours?.[i]
      const decodes = test.gen > 0 && test.depth === 0
      const parameters = parameterCount(presetConfig(size))
      rows.push({
        model: `${size} ${type}`,
        test: test.name,
        openelm: rate,
        peer: theirs?.[i],
        streamed: rate && decodes ? (rate.median * statSync(file).size) / 1e9 : undefined,
        computed: rate && test.prompt > 0 ? (rate.median * 2 * parameters) / 1e12 : undefined,
      })
    })
  }
}

const limit = bandwidth()
const percent = (x: number) => `${Math.round(100 * x)} %`
const table = markdownTable(
  ['model', 'test', 'openelm', 'GB/s', 'of bandwidth', 'TFLOP/s', peer?.title ?? 'node-llama-cpp', 'ratio'],
  rows.map(({ model, test, openelm, peer, streamed, computed }) => [
    model,
    test,
    openelm ? withSpread(openelm) : '',
    streamed === undefined ? '' : digits(streamed),
    streamed === undefined || limit === undefined ? '' : percent(streamed / limit),
    computed === undefined ? '' : digits(computed),
    peer ? withSpread(peer) : '',
    openelm && peer ? `${(openelm.median / peer.median).toFixed(2)} ×` : '',
  ]),
  2,
)
const measured = limit === undefined ? '' : `\nThe GPU's memory reads ${digits(limit)} GB/s.`
console.log(
  `${[...backends].join('\n')}${measured}\n` +
    `Tokens/s, median (range) of ${rounds} processes × ${repetitions}\n\n${table}\n${notes.map((note) => `\n${note}`).join('')}`,
)
mkdirSync(dirname(values.json), { recursive: true })
writeFileSync(
  values.json,
  `${JSON.stringify({ backends: [...backends], bandwidth: limit, rows, notes }, null, 2)}\n`,
)
if (rows.some((row) => row.openelm === undefined)) process.exitCode = 1
