import { createInterface } from 'node:readline/promises'
import { OpenElmError } from '../../errors.js'
import { type PullPlan, planFromCache, planPull } from '../../hub/pull.js'
import { formatReference, type ModelReference } from '../../hub/reference.js'
import type { HubSettings } from '../../hub/settings.js'
import { formatBytes } from '../format.js'
import type { Obtaining } from '../model-argument.js'
import { printable } from '../report-error.js'
import { PullReport, runPull, showLicense } from './run-pull.js'

/**
 * Gets a model that chat, run or bench needs and that is not here; its path. What the cache of the hub holds already is
 * only converted; a download is asked for.
 * @throws OpenElmError E_NO_TTY, E_NOT_PULLED, and what pulling throws
 */
export async function pullOnDemand(
  reference: ModelReference,
  settings: HubSettings,
  { yes, signal }: Obtaining,
): Promise<string> {
  const name = formatReference(reference)
  const report = new PullReport(false)
  const connection = report.connect(settings, signal)
  const cached = planFromCache(reference, connection)
  if (!cached && !settings.offline && !yes) requireTerminal(name)
  const plan = cached ?? (await planPull(reference, connection))
  await showLicense(plan, settings.modelsDir)
  if (!yes && plan.downloadBytes > 0 && !(await agrees(plan, signal))) {
    throw new OpenElmError('E_NOT_PULLED', `${name} was not downloaded.`, {
      why: 'You did not agree.',
      next: `Run it again, or name another model with -m; "openelm pull ${name}" does not ask.`,
    })
  }
  return (await runPull(plan, connection, report)).path
}

function requireTerminal(name: string): void {
  if (process.stdin.isTTY && process.stderr.isTTY) return
  throw new OpenElmError('E_NO_TTY', `${name} is not on this machine.`, {
    why: 'Downloading it needs your consent, and there is no terminal to ask on.',
    next: `Run "openelm pull ${name}" first, or add --yes.`,
  })
}

async function agrees({ repo, downloadBytes, license }: PullPlan, signal: AbortSignal): Promise<boolean> {
  const terms = license === undefined ? 'its licence is not stated' : `licence ${license}`
  const question = `Download ${repo} (${formatBytes(downloadBytes)}, ${terms})? [y/N] `
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // A terminal read by readline delivers Ctrl-C as a key; main decides what the signal means.
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  const answer = new Promise<string>((resolve, reject) => {
    // Ctrl-D ends the input without an answer.
    terminal.once('close', () => resolve('\n'))
    terminal.question(printable(question), { signal }).then(resolve, reject)
  })
  try {
    const text = await answer
    if (text === '\n') process.stderr.write(text)
    return /^y(es)?$/i.test(text.trim())
  } catch (cause) {
    if (!signal.aborted) throw cause
    process.stderr.write('\n')
    throw new OpenElmError('E_ABORTED', 'Interrupted before the download.', { cause })
  } finally {
    terminal.close()
  }
}
