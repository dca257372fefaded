import { fork } from 'node:child_process'
import * as z from 'zod'
import { packageRoot } from '../package-root.js'
import type { GpuAddon } from './load.js'
import { remember, remembered, type Working } from './probe-memory.js'

/** Whether a GPU backend works here, and its chains. `why` is a clause: "it crashed (SIGSEGV)". */
export type Probed = Working | { readonly works: false; readonly why: string }

export interface ProbeOptions {
  readonly signal?: AbortSignal | undefined
  /** The child is given up after so long. A first run on a GPU may compile kernels for it. */
  readonly timeoutMs?: number
  /** Asks anew what earlier processes know. */
  readonly fresh?: boolean
}

const TIMEOUT_MS = 60_000

const reportSchema = z.union([
  z.object({ failure: z.string() }),
  z.object({ passed: z.literal('without chains') }),
  z.object({ devices: z.array(z.object({ name: z.string() })).min(1) }),
])

const results = new Map<string, Promise<Probed>>()

/**
 * Tries a build's GPU backend in a child process: loads it, lists devices, computes a small model. Whatever the driver
 * does there, a crash, a hang or an error, becomes the answer; of chains alone, once the model was computed without
 * them. Asked once a process for each build; a success is remembered between processes for as long as build and driver
 * stay what they are (probe-memory.ts), so that starting does not cost a second process. @throws nothing; an aborted
 * probe is a failed one that is asked again
 */
export async function probe(addon: GpuAddon, options: ProbeOptions = {}): Promise<Probed> {
  const name = `${addon.backend} ${addon.path}`
  const known = results.get(name)
  if (known) return known
  const asked = ask(addon, options)
  results.set(name, asked)
  const answer = await asked
  if (options.signal?.aborted) results.delete(name)
  return answer
}

async function ask(addon: GpuAddon, options: ProbeOptions): Promise<Probed> {
  const known = options.fresh ? undefined : remembered(addon)
  if (known) return known
  const answer = await tryInChild(addon, options)
  if (answer.works) remember(addon, answer)
  return answer
}

function tryInChild(
  { backend, path }: GpuAddon,
  { signal, timeoutMs = TIMEOUT_MS }: ProbeOptions,
): Promise<Probed> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = fork(`${packageRoot}native/probe-gpu.mjs`, [path, backend], {
    env,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    killSignal: 'SIGKILL',
    timeout: timeoutMs,
    ...(signal ? { signal } : {}),
  })
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4096)
  })
  const started = performance.now()
  let passed = false
  return new Promise((resolve) => {
    const fails = (why: string): void =>
      resolve(passed && !signal?.aborted ? { works: true, withoutChains: why } : { works: false, why })
    child.on('message', (message) => {
      const report = reportSchema.safeParse(message)
      if (!report.success) fails('it answered something else than a list of devices')
      else if ('failure' in report.data) fails(firstLine(report.data.failure))
      else if ('passed' in report.data) passed = true
      else resolve({ works: true, withoutChains: undefined })
    })
    child.on('error', (error) => fails(error.message))
    child.on('close', (code, killedBy) => {
      const late = performance.now() - started >= timeoutMs
      if (late) fails(`it did not answer within ${timeoutMs / 1000} s`)
      else if (killedBy) fails(`it crashed (${killedBy})`)
      else fails(`it ended with status ${code}${stderr.trim() === '' ? '' : `: ${firstLine(stderr)}`}`)
    })
  })
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? ''
