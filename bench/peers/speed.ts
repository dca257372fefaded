// npm run bench:peers -- [options]: openelm against other engines on the same weights. See ../README.md.

import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { ACTIVATIONS } from '../../src/engine/options.js'
import { type PresetName, presetNames } from '../../src/model/presets.js'
import type { IsaName } from '../../src/native/binding.js'
import { loadNative } from '../../src/native/load.js'
import { readBandwidth } from '../kernels.js'
import { chosen } from '../lib/chosen.js'
import { describeMachine, machineLine } from '../lib/machine.js'
import { root } from '../lib/openelm.js'
import { digits, summarize } from '../lib/stats.js'
import { type Engine, openelmWith, parseTest, peerEngines, type Test, type TrialResult } from './engines.js'
import { limits } from './limit.js'
import { randomModel } from './models.js'
import { type RandomType, randomTypes } from './random-gguf.js'
import { backendLine, type MemoryRow, memoryTable, type SpeedRow, speedTable } from './report.js'

const usage = `npm run bench:peers -- [options]

  --peers LIST     ${Object.keys(peerEngines).join(', ')} (default: llama,transformers)
  --sizes LIST     ${presetNames.join(', ')} (default: 270M)
  --types LIST     ${randomTypes.join(', ')} (default: q8_0,q4_0); transformers.js runs these two only
  --tests LIST     ppN, tgN, tgN@dDEPTH (default: pp16,pp128,pp512,tg128,tg64@d1900)
  --threads LIST   the same for all engines (default: physical cores)
  --isa NAME       the variant of openelm (default: the best). With ${limits.join(' or ')} node-llama-cpp
                   gets the builds only that need no more; onnxruntime cannot be limited
  --activations X  of openelm's prompts: ${ACTIVATIONS.join(' or ')} (default: auto); its column says int8 then
  --rounds N       fresh processes of each engine, in alternation (default: 3)
  --repetitions N  measurements of each test in a process (default: 1)
  --json FILE      where the results go (default: build/bench/peers.json)
`

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: 'llama,transformers' },
    sizes: { type: 'string', default: '270M' },
    types: { type: 'string', default: 'q8_0,q4_0' },
    tests: { type: 'string', default: 'pp16,pp128,pp512,tg128,tg64@d1900' },
    threads: { type: 'string' },
    isa: { type: 'string' },
    activations: { type: 'string', default: 'auto' },
    rounds: { type: 'string', default: '3' },
    repetitions: { type: 'string', default: '1' },
    json: { type: 'string', default: join(root, 'build/bench/peers.json') },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const machine = describeMachine()
const sizes = chosen<PresetName>('--sizes', values.sizes, presetNames)
const types = chosen<RandomType>('--types', values.types, randomTypes)
const [activations = 'auto'] = chosen('--activations', values.activations, ACTIVATIONS)
const ours = openelmWith(activations)
const peers = chosen('--peers', values.peers, Object.keys(peerEngines)).map(
  (name) => peerEngines[name] as Engine,
)
const tests = values.tests.split(',').map(parseTest)
const threadCounts = (values.threads ?? `${machine.physicalCores}`).split(',').map(Number)
const [rounds, repetitions] = [Number(values.rounds), Number(values.repetitions)]

/** Fresh processes of each engine in turn, so that a slow spell of the machine meets all. */
async function alternate(
  engines: readonly Engine[],
  file: string,
  type: RandomType,
  threads: number,
): Promise<Map<Engine, TrialResult[]>> {
  const results = new Map<Engine, TrialResult[]>(engines.map((engine) => [engine, []]))
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      const options = { file, type, threads, repetitions, tests, isa: values.isa }
      results.get(engine)?.push(await engine.trial(options))
    }
  }
  return results
}

/** Samples of one test from all processes of an engine. */
const samplesOf = (results: readonly TrialResult[] | undefined, test: number): number[] =>
  (results ?? []).flatMap(({ samples }) => [...(samples[test] ?? [])])

function speedRow(
  model: string,
  threads: number,
  [index, test]: readonly [number, Test],
  results: ReadonlyMap<Engine, readonly TrialResult[]>,
  weights: number,
): Omit<SpeedRow, 'share'> {
  const rate = summarize(samplesOf(results.get(ours), index))
  return {
    model,
    threads,
    test: test.name,
    isa: results.get(ours)?.[0]?.backend ?? '',
    rate,
    streamed: test.gen > 0 && test.depth === 0 ? (rate.median * weights) / 1e9 : undefined,
    peers: [...results]
      .filter(([engine]) => engine !== ours)
      .map(([engine, trials]) => {
        const theirs = summarize(samplesOf(trials, index))
        const backend = trials[0]?.backend ?? ''
        return { engine: engine.title, backend, rate: theirs, ratio: rate.median / theirs.median }
      }),
  }
}

console.log(`${machineLine(machine)}\n`)
const native = loadNative()
const isas = machine.isas.filter((isa) => isa !== 'reference') as IsaName[]
const reads = new Map<number, number>()
/** Measures the read bandwidth with each number of threads, and keeps the best so far: on shared machines it changes. */
async function updateReads(): Promise<void> {
  for (const threads of threadCounts) {
    const rate = await readBandwidth(native, isas, threads, 0.5)
    reads.set(threads, Math.max(rate, reads.get(threads) ?? 0))
  }
}
const measured: Omit<SpeedRow, 'share'>[] = []
const memory: MemoryRow[] = []
for (const size of sizes) {
  for (const type of types) {
    const model = `${size} ${type}`
    const file = await randomModel(size, type)
    const weights = statSync(file).size
    const engines = [ours, ...peers.filter((peer) => peer.runs(type))]
    for (const engine of engines) engine.prepare(file, type)
    for (const threads of threadCounts) {
      await updateReads()
      const results = await alternate(engines, file, type, threads)
      for (const test of tests.entries()) measured.push(speedRow(model, threads, test, results, weights))
      for (const [{ title }, trials] of results) {
        const most = (of: 'peak' | 'anonymous') => Math.max(...trials.map((trial) => trial.memory[of]))
        const row = { model, threads, engine: title, weights }
        memory.push({ ...row, peak: most('peak'), anonymous: most('anonymous') })
      }
    }
  }
}
await updateReads()
const rows = measured.map((row) => {
  const { streamed, threads } = row
  return { ...row, share: streamed === undefined ? undefined : streamed / (reads.get(threads) ?? Number.NaN) }
})
const titles = peers.map(({ title }) => title)
console.log(
  `${backendLine(rows)}\nReading memory, best: ${[...reads].map(([n, rate]) => `${digits(rate)} GB/s with ${n} threads`).join(', ')}\n` +
    `Tokens/s, median (range) of ${rounds} processes × ${repetitions}; ratio: openelm to the engine on its left\n`,
)
console.log(`${speedTable(rows, ours.title, titles)}\n\n${memoryTable(memory)}`)
mkdirSync(dirname(values.json), { recursive: true })
const read = Object.fromEntries(reads)
writeFileSync(values.json, `${JSON.stringify({ machine, read, rows, memory }, null, 2)}\n`)
console.log(`\nWritten to ${values.json}`)
