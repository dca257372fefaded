import { type ChildProcess, spawn } from 'node:child_process'
import { root } from './files.js'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A running child and the promise of how it ended. */
export interface Child {
  readonly process: ChildProcess
  readonly exit: Promise<Exit>
}

/** Runs Node with arguments in the repository's root. */
export function startNode(args: readonly string[]): Child {
  const child = spawn(process.execPath, [...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const exit = new Promise<Exit>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { process: child, exit }
}

/** Runs the command line, built into dist/. */
export const startCli = (...args: string[]): Child => startNode(['bin/openelm.js', ...args])

/** Runs a module given as text, which may import from src/. */
export const startScript = (source: string): Child =>
  startNode(['--import', 'tsx', '--input-type=module', '--eval', source])
