import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './files.js'

export interface CliResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  /** Standard input; default: empty. */
  readonly stdin?: string | Uint8Array
  /** Added to the environment, from which OPENELM_* and HF_* are removed; a GPU is used only where it says so. */
  readonly env?: Readonly<Record<string, string>>
  /** Called with the process once it runs, to look at its output or signal it. */
  readonly meanwhile?: (child: ChildProcess) => void
}

/** Runs the built command line in a process of its own. */
export async function openelm(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(OPENELM_|HF_|HUGGING|NODE_OPTIONS$)/.test(name),
  )
  const child = spawn(process.execPath, [join(root, 'bin/openelm.js'), ...args], {
    env: { ...Object.fromEntries(inherited), OPENELM_BACKEND: 'cpu', ...options.env },
    stdio: 'pipe',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A command that fails early does not read what it was given.
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  options.meanwhile?.(child)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...status) => resolve(status))
  })
  return { code, signal, stdout, stderr }
}

/** The lines of an error report, by their label. */
export function errorLines(stderr: string): { error?: string; why?: string; next?: string; rest: string[] } {
  const lines: ReturnType<typeof errorLines> = { rest: [] }
  for (const line of stderr.split('\n').filter(Boolean)) {
    const match = /^(error|why|next): +(.*)$/.exec(line)
    if (match?.[1] && match[2]) lines[match[1] as 'error' | 'why' | 'next'] = match[2]
    else lines.rest.push(line)
  }
  return lines
}
