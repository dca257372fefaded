// npm run bench -- [options]: this package's own benchmark. See README.md beside this file.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { IsaName } from '../src/native/binding.js'
import { loadNative } from '../src/native/load.js'
import { benchEngine, engineTable } from './engine.js'
import { benchKernels, kernelTable, probe, probeTable, type TypeName, typeNames } from './kernels.js'
import { describeMachine, machineLine } from './lib/machine.js'
import { root } from './lib/openelm.js'
import { benchStartup, startupTable } from './startup.js'

const usage = `npm run bench -- [options]

  --suite LIST     kernels, engine, startup (default: kernels,engine)
  --isa LIST       variants for the kernels (default: every one this machine runs but reference); the engine runs the best
  --types LIST     ${typeNames.join(', ')} (default: q8_0,q4_0)
  --tokens LIST    batch sizes for the kernels (default: 1,16,128,512)
  --threads N      default: physical cores
  --size NAME      270M, 450M, 1.1B or 3B for the engine (default: 270M)
  --rounds N       fresh processes for each test (default: 3 for the engine, 15 for startup)
  --model FILE     GGUF file for startup (default: the Q8_0 file that bench:peers makes)
  --seconds X      time for each kernel measurement (default: 0.3)
  --quick          a smoke run: few shapes, short times, one round
  --json FILE      where the results go (default: build/bench/results.json)
`

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'kernels,engine' },
    isa: { type: 'string' },
    types: { type: 'string' },
    tokens: { type: 'string' },
    threads: { type: 'string' },
    size: { type: 'string', default: '270M' },
    rounds: { type: 'string' },
    model: { type: 'string', default: join(root, 'build/bench/OpenELM-270M-random-q8_0.gguf') },
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
const types = list(values.types, values.quick ? ['q8_0'] : ['q8_0', 'q4_0']).map((name) => {
  if (!typeNames.includes(name as TypeName))
    throw new Error(`--types: ${name} is none of ${typeNames.join(', ')}`)
  return name as TypeName
})
const tokens = list(values.tokens, values.quick ? ['1', '16'] : ['1', '16', '128', '512']).map(Number)
const threads = Number(values.threads ?? machine.physicalCores)
const seconds = Number(values.seconds ?? (values.quick ? 0.02 : 0.3))
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
const suites = new Set(values.suite.split(','))

console.log(`${machineLine(machine)}\n`)
const results: Record<string, unknown> = { machine, threads }
let read: number | undefined
if (suites.has('kernels')) {
  const limits = await probe(native, isas, threads, seconds)
  console.log(`${probeTable(limits)}\n`)
  read = limits.read
  const kernels = await benchKernels(native, limits, { isas, types, tokens, threads, seconds })
  console.log(`${kernelTable(kernels)}\n`)
  Object.assign(results, { limits, kernels })
}
if (suites.has('engine')) {
  const engine = await benchEngine({ size: values.size, types, threads, rounds, read, quick: values.quick })
  console.log(`${engineTable(engine)}\n`)
  Object.assign(results, { engine })
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
