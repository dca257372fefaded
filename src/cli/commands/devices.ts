import { cpus } from 'node:os'
import { type Devices, findDevices } from '../../engine/devices.js'
import type { CommandContext, CommandModule } from '../command.js'
import { formatBytes, formatTable } from '../format.js'
import { flag, readOptions } from '../options.js'
import { Output } from '../output.js'
import { EXIT, printable } from '../report-error.js'

const outputOptions = { json: flag('--json', 'print one JSON object') } as const

export const command: CommandModule = {
  help: {
    usage: ['openelm devices [OPTION…]'],
    about: `Shows what can compute here: the processor with the kernels it runs, and every GPU for which a build
of openelm is here, or why it does not work. docs/gpu.md says how to make such a build.`,
    groups: { Output: outputOptions },
    after: `Examples:
  openelm devices
  openelm devices --json | jq -r '.gpus[].devices[].name'`,
  },
  run,
}

async function run({ raw, signal }: CommandContext): Promise<number> {
  const options = readOptions(outputOptions, raw)
  const devices = await findDevices(signal)
  if (signal.aborted) return EXIT.interrupted
  const cpu = { name: cpus()[0]?.model.trim() ?? 'unknown', ...devices.cpu }
  const text = options.json
    ? JSON.stringify({ cpu, gpus: devices.gpus.map(({ title: _, ...gpu }) => gpu) }, undefined, 2)
    : textOf(cpu.name, devices)
  await new Output(process.stdout).write(`${text}\n`)
  return EXIT.done
}

function textOf(name: string, { cpu, gpus }: Devices): string {
  const others = cpu.isas.filter((isa) => isa.supported && isa.name !== cpu.best).map((isa) => isa.name)
  const rows: [string, string][] = [
    ['CPU', `${name}, ${cpu.physicalCores} physical cores; kernels ${cpu.best}, also ${others.join(', ')}`],
  ]
  for (const { title, devices, why, withoutChains } of gpus) {
    if (why !== undefined) rows.push([title, `does not work: ${why}`])
    for (const { name, details, freeBytes, totalBytes } of devices) {
      rows.push([title, `${name}, ${details}; ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free`])
    }
    if (withoutChains !== undefined)
      rows.push(['', `large models decode slower, without chains: ${withoutChains}`])
  }
  if (gpus.length === 0) rows.push(['GPU', 'no build of openelm for one is here (docs/gpu.md)'])
  return formatTable(rows.map(([kind, text]) => [kind, printable(text)]))
}
