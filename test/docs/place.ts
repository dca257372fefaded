import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'
import { root } from '../support/files.js'
import { HubServer } from '../support/hub-server.js'
import { temporaryFolder } from '../support/lexicon.js'
import { serveModels } from './fixtures.js'

export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** A home, a working folder and a hub of its own for a page. */
export interface Place {
  readonly home: string
  readonly work: string
  readonly env: Readonly<Record<string, string>>
}

export async function makePlace(t: Test): Promise<Place> {
  const hub = await HubServer.start(t)
  serveModels(hub)
  const folder = temporaryFolder(t)
  const [home, work, bin] = ['home', 'work', 'bin'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [home, bin, join(work, 'node_modules')]) mkdirSync(path, { recursive: true })
  symlinkSync(join(root, 'bin/openelm.js'), join(bin, 'openelm'))
  // What it does in a clone, without asking the registry.
  writeFileSync(join(bin, 'npx'), '#!/bin/sh\nexec "$@"\n')
  chmodSync(join(bin, 'npx'), 0o755)
  symlinkSync(root, join(work, 'node_modules/openelm'))
  symlinkSync(join(root, 'node_modules/openai'), join(work, 'node_modules/openai'))
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^(OPENELM_|HF_|HUGGING|XDG_|TAP|NODE_OPTIONS$|CI$|CONTINUOUS_|NO_COLOR$|FORCE_COLOR$)/.test(name),
  )
  const env = {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    HOME: home,
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_STATE_HOME: join(home, '.state'),
    HF_HOME: join(home, '.cache/huggingface'),
    HF_ENDPOINT: hub.url,
    OPENELM_THREADS: '1',
  }
  return { home, work, env }
}

/** Longer than any command of a page takes, on a slow machine too. */
const PATIENCE = 120_000

/** Runs a program in a page's working folder; what it wrote to both outputs, in order. */
export async function runProgram(
  { work, env }: Place,
  file: string,
  args: readonly string[],
): Promise<Ended> {
  const child = spawn(file, args, { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, output }
}

/** Runs a line of shell; every part of a pipe must succeed. */
export const runShell = (place: Place, line: string): Promise<Ended> =>
  runProgram(place, 'bash', ['-o', 'pipefail', '-c', line])

/** The words that a shell makes of a command's arguments. */
export function wordsOf({ work, env }: Place, args: string): readonly string[] {
  if (args.trim() === '') return []
  const script = `show() { printf '%s\\0' "$@"; }; show ${args}`
  return execFileSync('bash', ['-c', script], { cwd: work, env, encoding: 'utf8' }).split('\0').slice(0, -1)
}

/** A server started by a line of shell, and the address it printed. */
export class Server {
  readonly #child: ChildProcess
  readonly address: string

  private constructor(child: ChildProcess, address: string) {
    this.#child = child
    this.address = address
  }

  static async start({ work, env }: Place, line: string): Promise<Server> {
    const child = spawn('bash', ['-c', `exec ${line} --port 0`], {
      cwd: work,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const address = await new Promise<string>((resolve, reject) => {
      const onData = (text: string) => {
        output += text
        const [, host] = /https?:\/\/([\d.]+:\d+)/.exec(output) ?? []
        if (host) resolve(host)
      }
      child.stdout.setEncoding('utf8').on('data', onData)
      child.stderr.setEncoding('utf8').on('data', onData)
      child.on('close', () => reject(new Error(`The server ended: ${output}`)))
    })
    return new Server(child, address)
  }

  /** Asks it to stop; resolves to its exit status. */
  async stop(): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => this.#child.on('close', resolve))
    this.#child.kill('SIGTERM')
    return await ended
  }
}
