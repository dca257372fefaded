import { spawn } from 'node:child_process'

/**
 * Runs a Node.js script in a fresh process and parses what it prints as JSON: nothing that one trial leaves behind (page
 * faults, heap, threads, clock state of the process) reaches the next.
 * @throws Error with the end of stderr when the process fails or prints something else.
 */
export async function runTrial(
  script: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<unknown> {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const status = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
  const tail = (): string => stderr.trim().split('\n').slice(-5).join('\n')
  if (status !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${status}:\n${tail()}`)
  try {
    return JSON.parse(stdout)
  } catch {
    throw new Error(`${script} ${args.join(' ')} did not print JSON: ${stdout.slice(0, 200)}\n${tail()}`)
  }
}
