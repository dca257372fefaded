import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { cacheFolder } from '../cache-folder.js'
import type { GpuAddon } from './load.js'

// Which GPU builds worked, between processes. Only successes are kept: a GPU that was busy works the next time.

/** A build that works; `withoutChains`: why its chains do not, a clause. */
export interface Working {
  readonly works: true
  readonly withoutChains: string | undefined
}

const memorySchema = z.object({ state: z.string(), withoutChains: z.string().optional() })

/** What tells one state of the machine from another, besides the build: the driver and the GPUs; undefined if unknown. */
export function driverOf(backend: GpuAddon['backend']): string | undefined {
  return backend === 'metal' ? release() : nvidiaDriver()
}

/** How this build is known to work with this driver; undefined where nothing is known. */
export function remembered(addon: GpuAddon, driver = driverOf(addon.backend)): Working | undefined {
  const memory = quietly(() => memorySchema.parse(JSON.parse(readFileSync(fileOf(addon), 'utf8'))))
  if (!memory || memory.state !== stateOf(addon, driver)) return undefined
  return { works: true, withoutChains: memory.withoutChains }
}

/** Lets later processes know how a build works. Where that cannot be written they try again. */
export function remember(addon: GpuAddon, working: Working, driver = driverOf(addon.backend)): void {
  const state = stateOf(addon, driver)
  if (state === undefined) return
  const memory: z.infer<typeof memorySchema> = { state, withoutChains: working.withoutChains }
  const file = fileOf(addon)
  const temporary = `${file}.${process.pid}.tmp`
  quietly(() => {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(temporary, JSON.stringify(memory))
    renameSync(temporary, file)
  })
}

/** Has the next process try all builds again. */
export function forget(): void {
  for (const backend of ['cuda', 'metal'] as const)
    quietly(() => rmSync(fileOf({ backend }), { force: true }))
}

const fileOf = ({ backend }: Pick<GpuAddon, 'backend'>): string =>
  join(cacheFolder(), `${backend}-works.json`)

function stateOf({ path }: GpuAddon, driver: string | undefined): string | undefined {
  const stats = quietly(() => statSync(path))
  if (driver === undefined || !stats) return undefined
  const { CUDA_VISIBLE_DEVICES: visible = null, OPENELM_CUDA_CHAIN: chain = null } = process.env
  return JSON.stringify({ path, size: stats.size, mtimeMs: stats.mtimeMs, driver, visible, chain })
}

function nvidiaDriver(): string | undefined {
  const linux = quietly(() => {
    const version = readFileSync('/proc/driver/nvidia/version', 'utf8')
    return [version, ...(quietly(() => readdirSync('/proc/driver/nvidia/gpus')) ?? [])].join('\n')
  })
  if (linux !== undefined) return linux
  // Windows, and Linux on it: the driver's library.
  const windows = join(process.env.SystemRoot ?? 'C:\\Windows', 'System32', 'nvcuda.dll')
  for (const library of [windows, '/usr/lib/wsl/lib/libcuda.so.1']) {
    const stats = quietly(() => statSync(library))
    if (stats) return `${library} ${stats.size} ${stats.mtimeMs}`
  }
  return undefined
}

/** The result, or undefined where the file system says no. */
function quietly<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
