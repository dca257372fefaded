import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { relative } from 'node:path'
import { root } from './lib/openelm.js'
import { digits, type Summary, summarize, withSpread } from './lib/stats.js'
import { markdownTable } from './lib/table.js'

export interface StartupOptions {
  /** A GGUF file. */
  readonly model: string
  /** Fresh processes of each kind, in turns. */
  readonly rounds: number
}

/** Times in milliseconds. */
export interface StartupResult {
  readonly model: string
  readonly bytes: number
  /** Reading the file from the page cache into one buffer. */
  readonly read: Summary
  /** From starting a process to its first byte of text. */
  readonly firstToken: Summary
  /** From starting a process to its end. */
  readonly whole: Summary
  /** `node -e 0`, from start to end. */
  readonly node: Summary
  /** What the first token should take at most: 2 × read + 150 ms. */
  readonly target: number
}

const BUFFER = 4 * 2 ** 20

/** Reads a file from start to end; in milliseconds. */
function readThrough(path: string, buffer: Buffer): number {
  const start = performance.now()
  const file = openSync(path, 'r')
  while (readSync(file, buffer, 0, buffer.length, null) > 0);
  closeSync(file)
  return performance.now() - start
}

/** Runs Node.js in a fresh process: milliseconds to its first output, and to its end. @throws Error when it fails */
async function timeProcess(args: readonly string[]): Promise<{ first: number; end: number }> {
  const start = performance.now()
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let first = Number.NaN
  child.stdout.once('data', () => {
    first = performance.now() - start
  })
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? signal))
  })
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`)
  return { first, end: performance.now() - start }
}

/**
 * Measures `openelm run -n 1` from a cold process, with the file in the page cache, next to what bounds it.
 * @throws Error where there is no such file
 */
export async function benchStartup({ model, rounds }: StartupOptions): Promise<StartupResult> {
  if (!existsSync(model)) {
    throw new Error(`${model} does not exist; "npm run bench:peers" makes it, or name a file with --model`)
  }
  const buffer = Buffer.alloc(BUFFER)
  readThrough(model, buffer)
  const run = ['bin/openelm.js', 'run', '-m', model, '--no-chat', '-n', '1', 'hello']
  await timeProcess(run)
  const [read, first, whole, node]: [number[], number[], number[], number[]] = [[], [], [], []]
  for (let round = 0; round < rounds; round++) {
    read.push(readThrough(model, buffer))
    node.push((await timeProcess(['-e', '0'])).end)
    const times = await timeProcess(run)
    first.push(times.first)
    whole.push(times.end)
  }
  const summaries = { read: summarize(read), firstToken: summarize(first), whole: summarize(whole) }
  const target = 2 * summaries.read.median + 150
  return {
    model: relative(root, model),
    bytes: statSync(model).size,
    ...summaries,
    node: summarize(node),
    target,
  }
}

export function startupTable(result: StartupResult): string {
  const { read, firstToken, whole, node, target } = result
  const row = (name: string, times: Summary): string[] => [
    name,
    withSpread(times),
    digits(times.median / target),
  ]
  return markdownTable(
    ['start-up', 'ms, median (range)', '/ target'],
    [
      row(`read ${Math.round(result.bytes / 2 ** 20)} MiB from the page cache`, read),
      row('node -e 0', node),
      row('openelm run -n 1: first token', firstToken),
      row('openelm run -n 1: end', whole),
      ['target: 2 × read + 150 ms', digits(target), '1'],
    ],
  )
}
