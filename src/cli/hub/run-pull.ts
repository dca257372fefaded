import type { Connection } from '../../hub/http.js'
import { rememberLicense } from '../../hub/license.js'
import { type PullPlan, type PullProgress, pull } from '../../hub/pull.js'
import type { HubSettings } from '../../hub/settings.js'
import type { StoredModel } from '../../hub/store.js'
import { type ProgressBar, progressBar } from '../progress.js'
import { printable } from '../report-error.js'

/** A text of several lines without control characters. */
const printableText = (text: string) => text.replaceAll('\t', '    ').split(/\r?\n/).map(printable).join('\n')

/** Tells a person on stderr what is being done; bars only on a terminal. */
export class PullReport {
  readonly #quiet: boolean
  #bar: ProgressBar | undefined
  #phase: PullProgress['phase'] | undefined

  constructor(quiet: boolean) {
    this.#quiet = quiet
  }

  /** What requests of a pull share. */
  connect(settings: HubSettings, signal: AbortSignal): Connection {
    return { settings, signal, onNotice: (text) => this.say(text) }
  }

  say(text: string): void {
    if (this.#quiet) return
    this.#bar?.stop()
    process.stderr.write(`${printable(text)}\n`)
  }

  readonly onProgress = ({ phase, doneBytes, totalBytes }: PullProgress): void => {
    if (this.#quiet) return
    if (phase !== this.#phase) {
      this.stop()
      this.#phase = phase
      this.say(phase === 'download' ? 'Downloading' : 'Converting')
      this.#bar = progressBar(process.stderr)
    }
    this.#bar?.update(doneBytes, totalBytes)
  }

  stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

/** Prints the licence of a repository the first time something of it is pulled, quiet or not. */
export async function showLicense({ repo, unseenLicense }: PullPlan, modelsDir: string): Promise<void> {
  if (unseenLicense === undefined) return
  const text = printableText(unseenLicense.trimEnd())
  process.stderr.write(`The licence of ${printable(repo)}, shown once:\n\n${text}\n\n`)
  await rememberLicense(modelsDir, repo, unseenLicense)
}

/** Carries out a plan, showing its progress. */
export async function runPull(
  plan: PullPlan,
  connection: Connection,
  report: PullReport,
): Promise<StoredModel> {
  try {
    return await pull(plan, connection, report.onProgress)
  } finally {
    report.stop()
  }
}
