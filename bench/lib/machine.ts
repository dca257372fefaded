import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { loadNative } from '../../src/native/load.js'

/** What a result depends on; printed and saved with every one. */
export interface Machine {
  readonly cpu: string
  readonly isas: readonly string[]
  readonly physicalCores: number
  readonly memoryGiB: number
  readonly os: string
  readonly node: string
  readonly openelm: string
  readonly commit: string
  readonly date: string
}

/** The commit of the working tree, with a + when it has changes; empty outside a clone. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') ? '+' : '')
  } catch {
    return ''
  }
}

export function describeMachine(): Machine {
  const cpu = loadNative().cpu()
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    isas: cpu.isas.filter(({ supported }) => supported).map(({ name }) => name),
    physicalCores: cpu.physicalCores,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    openelm: manifest.version,
    commit: commit(),
    date: new Date().toISOString(),
  }
}

export const machineLine = (machine: Machine): string =>
  `${machine.cpu}, ${machine.physicalCores} physical cores, ${machine.memoryGiB} GiB; ${machine.os}; ` +
  `Node ${machine.node}; openelm ${machine.openelm} ${machine.commit}; ISAs ${machine.isas.join(' ')}`
