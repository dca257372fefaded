import { setMaxListeners } from 'node:events'
import * as z from 'zod'
import { slotsSchema } from '../../engine/batch/options.js'
import { Model } from '../../engine/model.js'
import type { BatchOptions, GenerateOptions, LoadOptions } from '../../engine/types.js'
import { OpenElmError } from '../../errors.js'
import { reportFallback } from '../fallback.js'
import { formatBytes } from '../format.js'
import { numeric, option } from '../options.js'
import { Output } from '../output.js'
import { type BatchTotals, exitCode, openInput, runBatch, WINDOW } from './batch.js'
import { toFile, toStream } from './batch-output.js'
import type { PromptForm } from './prompt-ids.js'

const path = z.string().min(1, { error: 'a path' }).optional()

export const batchOptions = {
  batch: option(
    '--batch <file>',
    'answer every line of a JSONL file, several at a time; - is\nstandard input',
    path,
  ),
  output: option(
    '-o, --output <file>',
    'where the answers of --batch go (default: standard output);\na file that is there is continued',
    path,
  ),
  slots: option('--slots <n>', 'lines answered at a time (default: 4)', numeric(slotsSchema)),
} as const

export interface BatchCommand {
  readonly input: string
  readonly output: string | undefined
  readonly model: string
  readonly load: LoadOptions
  readonly size: BatchOptions
  readonly form: PromptForm
  readonly defaults: GenerateOptions
  readonly stats: boolean
  readonly signal: AbortSignal
}

/** `openelm run --batch`: resolves to the exit code. */
export async function runBatchCommand(command: BatchCommand): Promise<number> {
  const { signal } = command
  const input = await openInput(command.input, process.stdin)
  const stdout = new Output(process.stdout)
  const stop = AbortSignal.any([signal, stdout.closed])
  // Every line under way listens.
  setMaxListeners(0, stop)
  const toPipe = command.output === undefined || command.output === '-'
  const output = toPipe ? toStream(stdout) : await toFile(command.output as string)
  const leave = () => input.destroy()
  stop.addEventListener('abort', leave, { once: true })
  try {
    const model = await Model.load(command.model, { ...command.load, signal })
    try {
      reportFallback(model)
      const slots = command.size.slots ?? 4
      const batch = model.createBatch({ ...command.size, slots, maxWaiting: slots * WINDOW })
      const start = performance.now()
      const totals = await runBatch({
        model,
        batch,
        input,
        output,
        form: command.form,
        defaults: command.defaults,
        signal: stop,
        report: (text) => process.stderr.write(text),
      })
      const seconds = (performance.now() - start) / 1000
      if (command.stats) process.stderr.write(statsReport(totals, seconds, slots, batch.kvBytes))
      return exitCode(totals, signal)
    } finally {
      await model.dispose()
    }
  } finally {
    stop.removeEventListener('abort', leave)
    input.destroy()
    await output.close()
  }
}

/** @throws OpenElmError E_USAGE for options that mean nothing together */
export function checkBatchOptions(options: {
  readonly args: readonly string[]
  readonly file: string | undefined
  readonly json: boolean | undefined
  readonly batch: string | undefined
  readonly output: string | undefined
  readonly slots: number | undefined
  readonly promptCache: string | undefined
}): void {
  const without = options.batch === undefined
  if (without && (options.output !== undefined || options.slots !== undefined)) {
    throw new OpenElmError('E_USAGE', `${options.slots === undefined ? '-o' : '--slots'} is for --batch.`, {
      why: 'One prompt is answered on standard output.',
      next: 'Leave it out, or redirect: openelm run "Define ocean." > answer.txt',
    })
  }
  if (without) return
  const others = [
    options.args.length > 0 && 'A prompt',
    options.file !== undefined && '-f',
    options.json && '--json',
    options.promptCache !== undefined && '--prompt-cache',
  ]
  const other = others.find(Boolean)
  if (!other) return
  throw new OpenElmError('E_USAGE', `${other} cannot be combined with --batch.`, {
    why: 'The lines of its file are the prompts, and every answer is a JSON object.',
    next: 'Leave one of them out.',
  })
}

function statsReport(totals: BatchTotals, seconds: number, slots: number, kvBytes: number): string {
  const { answered, before, failed, promptTokens, generatedTokens } = totals
  const rate = seconds > 0 ? `, ${(generatedTokens / seconds).toFixed(1)} tokens/s` : ''
  return [
    `lines     ${answered} answered, ${before} before, ${failed} with errors`,
    `tokens    ${promptTokens} of prompts, ${generatedTokens} generated in ${seconds.toFixed(1)} s${rate}`,
    `slots     ${slots}, ${formatBytes(kvBytes)} of kv cache\n`,
  ].join('\n')
}
