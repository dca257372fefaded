import { SingleBar } from 'cli-progress'
import { formatBytes } from './format.js'

export interface ProgressBar {
  update(done: number, total: number): void
  stop(): void
}

/** A progress bar in bytes on a terminal; undefined where the stream is none. */
export function progressBar(stream: NodeJS.WriteStream): ProgressBar | undefined {
  if (!stream.isTTY) return undefined
  const bar = new SingleBar({
    stream,
    format: '{bar} {percentage}%  {value} of {total}  {eta_formatted} left',
    formatValue: (value, _options, kind) =>
      kind === 'value' || kind === 'total' ? formatBytes(value) : `${value}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 32,
    clearOnComplete: true,
    stopOnComplete: true,
    hideCursor: true,
    // Signals are the command line's business.
    gracefulExit: false,
  })
  return {
    update(done, total) {
      if (bar.isActive) bar.update(done)
      else if (done < total) bar.start(total, done)
    },
    stop: () => bar.stop(),
  }
}
