// npm run bench:peers -- [options]: openelm against node-llama-cpp on the same file. See ../README.md.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type PresetName, presetNames } from '../../src/model/presets.js'
import { describeMachine, machineLine } from '../lib/machine.js'
import { openelmBench, root } from '../lib/openelm.js'
import { type Summary, summarize, withSpread } from '../lib/stats.js'
import { markdownTable } from '../lib/table.js'
import { runTrial } from '../lib/trial.js'
import { installPeers, peerVersion } from './install.js'
import { randomModel } from './models.js'

const usage = `npm run bench:peers -- [options]

  --size NAME      ${presetNames.join(', ')} (default: 270M)
  --types LIST     types that convert writes (default: q8_0,q4_0)
  --threads N      for both (default: physical cores)
  --pp N, --tg N   tokens of the tests (default: 512, 128)
  --rounds N       fresh processes of each, in alternation (default: 3)
  --repetitions N  measurements in each process (default: 3)
  --isa NAME       the variant of openelm (default: the best)
  --json FILE      where the results go (default: build/bench/peers.json)
`

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '270M' },
    types: { type: 'string', default: 'q8_0,q4_0' },
    threads: { type: 'string' },
    pp: { type: 'string', default: '512' },
    tg: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '3' },
    repetitions: { type: 'string', default: '3' },
    isa: { type: 'string' },
    json: { type: 'string', default: join(root, 'build/bench/peers.json') },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

interface Rates {
  readonly prefill: number[]
  readonly decode: number[]
}

const { pp, tg, repetitions } = values
const size = values.size as PresetName
if (!presetNames.includes(size)) throw new Error(`--size: ${size} is none of ${presetNames.join(', ')}`)
const machine = describeMachine()
const threads = values.threads ?? `${machine.physicalCores}`

async function ours(file: string): Promise<Rates> {
  const isa = values.isa ? ['--isa', values.isa] : []
  const args = ['-m', file, '-t', threads, '-p', pp, '-n', tg, '-r', repetitions, ...isa]
  const entries = await openelmBench(args)
  const samples = (prefix: string): number[] =>
    entries.filter(({ test }) => test.startsWith(prefix)).flatMap(({ samples_ts }) => [...samples_ts])
  return { prefill: samples('pp'), decode: samples('tg') }
}

async function theirs(file: string): Promise<Rates> {
  const script = join(root, 'bench/peers/node-llama-cpp.mjs')
  return (await runTrial(script, ['speed', file, threads, pp, tg, repetitions], { cwd: root })) as Rates
}

/** Alternates fresh processes of both, so that a slow spell of the machine meets both. */
async function compare(file: string): Promise<{ ours: Rates; theirs: Rates }> {
  const all = { ours: { prefill: [], decode: [] } as Rates, theirs: { prefill: [], decode: [] } as Rates }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [engine, measure] of [
      ['ours', ours],
      ['theirs', theirs],
    ] as const) {
      const rates = await measure(file)
      all[engine].prefill.push(...rates.prefill)
      all[engine].decode.push(...rates.decode)
    }
  }
  return all
}

interface Row {
  readonly model: string
  readonly test: string
  readonly openelm: Summary
  readonly peer: Summary
  readonly ratio: number
}

installPeers()
const peer = `node-llama-cpp ${peerVersion()}`
console.log(
  `${machineLine(machine)}\n${peer}: prebuilt CPU binary, flash attention, batch 512; ${threads} threads each\n`,
)
const rows: Row[] = []
for (const type of values.types.split(',')) {
  const rates = await compare(await randomModel(size, type))
  for (const [kind, test] of [
    ['prefill', `pp${pp}`],
    ['decode', `tg${tg}`],
  ] as const) {
    if (rates.ours[kind].length === 0 || rates.theirs[kind].length === 0) continue
    const [openelm, other] = [summarize(rates.ours[kind]), summarize(rates.theirs[kind])]
    rows.push({ model: `${size} ${type}`, test, openelm, peer: other, ratio: openelm.median / other.median })
  }
}
console.log(
  markdownTable(
    ['model', 'test', 'openelm, tokens/s', `${peer}, tokens/s`, 'ratio of medians'],
    rows.map(({ model, test, openelm, peer, ratio }) => [
      model,
      test,
      withSpread(openelm),
      withSpread(peer),
      `${ratio.toFixed(2)} ×`,
    ]),
    2,
  ),
)
mkdirSync(dirname(values.json), { recursive: true })
writeFileSync(values.json, `${JSON.stringify({ machine, peer, threads, rows }, null, 2)}\n`)
console.log(`\nWritten to ${values.json}`)
