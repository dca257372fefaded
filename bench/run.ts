// npm run bench -- [options]: this package's own benchmark. See README.md beside this file.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { syntheticTypes } from '../src/engine/synthetic.js'
import { presetNames } from '../src/model/presets.js'
import type { IsaName } from '../src/native/binding.js'
import { loadNative } from '../src/native/load.js'
import { type BandwidthRow, bandwidthTable, benchBandwidth } from './bandwidth.js'
import { benchEngine, type EngineRow, engineTable } from './engine.js'
import { benchKernels, kernelTable, probe, probeTable, readBandwidth, typeNames } from './kernels.js'
import { chosen } from './lib/chosen.js'
import { describeMachine, machineLine } from './lib/machine.js'
import { root } from './lib/openelm.js'
import { benchSampling, samplingTables } from './sampling.js'
import { benchStartup, startupTable } from './startup.js'
import { benchTokenizing, tokenizingTable } from './tokenizing.js'

const usage = `npm run bench -- [options]

  --suite LIST     kernels, engine, bandwidth, sampling, startup (default: kernels,engine,bandwidth,sampling)
  --isa LIST       variants for the kernels (default: every one this machine runs but reference); the engine runs the best
  --types LIST     ${typeNames.join(', ')} (default: q8_0,q4_0, and the others in
                   the kernel table for one token); the engine runs those of them that it can make
  --tokens LIST    batch sizes for the kernels (default: 1,16,128,512)
  --threads N      default: physical cores
  --sizes LIST     ${presetNames.join(', ')}: shapes of the kernels, models of the engine (default: 270M)
  --rounds N       fresh processes for each test (default: 3 for the engine, 15 for startup)
  --model FILE     GGUF file for startup (default: the Q8_0 file that bench:peers makes)
  --seconds X      time for each kernel measurement (default: 0.3)
  --quick          a smoke run: few shapes, short times, one round
  --json FILE      where the results go (default: build/bench/results.json)
`

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'kernels,engine,bandwidth,sampling' },
    isa: { type: 'string' },
    types: { type: 'string' },
    tokens: { type: 'string' },
    threads: { type: 'string' },
    sizes: { type: 'string', default: '270M' },
    rounds: { type: 'string' },
    model: { type: 'string', default: join(root, 'build/bench/random-270M-q8_0.gguf') },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string', default: join(root, 'build/bench/results.json') },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const native = loadNative()
const machine = describeMachine()
const list = (text: string | undefined, otherwise: readonly string[]): readonly string[] =>
  text?.split(',') ?? otherwise
const isas = list(
  values.isa,
  machine.isas.filter((isa) => isa !== 'reference'),
) as IsaName[]
const types = chosen('--types', values.types ?? (values.quick ? 'q8_0' : 'q8_0,q4_0'), typeNames)
const decodeTypes = values.types || values.quick ? [] : typeNames
const sizes = chosen('--sizes', values.sizes, presetNames)
const tokens = list(values.tokens, values.quick ? ['1', '16'] : ['1', '16', '128', '512']).map(Number)
const threads = Number(values.threads ?? machine.physicalCores)
const seconds = Number(values.seconds ?? (values.quick ? 0.02 : 0.3))
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
const suites = new Set(values.suite.split(','))
/** Those that synthetic models are made of. */
const made = types.filter((type) => (syntheticTypes as readonly string[]).includes(type))

console.log(`${machineLine(machine)}\n`)
const results: Record<string, unknown> = { machine, threads }
let read: number | undefined
if (suites.has('kernels')) {
  const limits = await probe(native, isas, threads, seconds)
  console.log(`${probeTable(limits)}\n`)
  read = limits.read
  const kernels = await benchKernels(native, limits, {
    isas,
    sizes,
    types,
    decodeTypes,
    tokens,
    threads,
    seconds,
  })
  console.log(`${kernelTable(kernels)}\n`)
  Object.assign(results, { limits, kernels })
}
if (suites.has('engine')) {
  // Again: on a shared machine it changes.
  read = Math.max(read ?? 0, await readBandwidth(native, isas, threads, seconds))
  const engine: EngineRow[] = []
  for (const size of sizes)
    engine.push(...(await benchEngine({ size, types: made, threads, rounds, read, quick: values.quick })))
  console.log(`${engineTable(engine)}\n`)
  Object.assign(results, { engine })
}
if (suites.has('bandwidth')) {
  const bandwidth: BandwidthRow[] = []
  const options = {
    types: made,
    threads: [...new Set([1, threads])],
    isa: isas.at(-1) ?? 'reference',
    quick: values.quick,
  }
  for (const size of sizes) bandwidth.push(...(await benchBandwidth(native, { ...options, size })))
  console.log(`${bandwidthTable(bandwidth)}\n`)
  Object.assign(results, { bandwidth })
}
if (suites.has('sampling')) {
  const sampling = await benchSampling(native, { threads, seconds, quick: values.quick })
  const tokenizing = await benchTokenizing(native, { seconds, quick: values.quick })
  console.log(`${samplingTables(sampling)}\n\n${tokenizingTable(tokenizing)}\n`)
  Object.assign(results, { sampling, tokenizing })
}
if (suites.has('startup')) {
  const startup = await benchStartup({
    model: resolve(values.model),
    rounds: Number(values.rounds ?? (values.quick ? 3 : 15)),
  })
  console.log(`${startupTable(startup)}\n`)
  Object.assign(results, { startup })
}
mkdirSync(dirname(values.json), { recursive: true })
writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
console.log(`Written to ${values.json}`)
