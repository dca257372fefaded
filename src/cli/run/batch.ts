import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { Batch } from '../../engine/batch/batch.js'
import type { Model } from '../../engine/model.js'
import { withDefaults } from '../../engine/request-fields.js'
import type { GenerateOptions, GenerateResult } from '../../engine/types.js'
import { OpenElmError } from '../../errors.js'
import { EXIT, formatError } from '../report-error.js'
import { type InputLine, readLines } from './batch-lines.js'
import type { BatchOutput } from './batch-output.js'
import { idOf, readRequest } from './batch-request.js'
import { type PromptForm, promptTooLong } from './prompt-ids.js'
import { answerFields } from './report.js'

/** Longest line of the input in bytes; a context holds far less. */
const MAX_LINE = 2 ** 20
/** Lines under way for each slot: answers wait until those before them are written. */
export const WINDOW = 8

export interface BatchRun {
  readonly model: Model
  readonly batch: Batch
  readonly input: Readable
  readonly output: BatchOutput
  readonly form: PromptForm
  /** What a line leaves open. */
  readonly defaults: GenerateOptions
  readonly signal: AbortSignal
  /** Where errors of lines are told. */
  readonly report: (text: string) => void
}

export interface BatchTotals {
  /** Lines answered now, those with errors included, and before. */
  answered: number
  readonly before: number
  /** Lines with an error, now and before. */
  failed: number
  promptTokens: number
  generatedTokens: number
}

/**
 * Answers every line, several at a time, in the order of the input. After `signal` nothing more is written.
 * @throws OpenElmError when the output cannot be written or belongs to another input, or the input cannot be read
 */
export async function runBatch(run: BatchRun): Promise<BatchTotals> {
  const { before } = run.output
  const totals: BatchTotals = {
    answered: 0,
    before: before.ids.length,
    failed: before.failed,
    promptTokens: 0,
    generatedTokens: 0,
  }
  const window = run.batch.slots * WINDOW
  const underWay: Promise<void>[] = []
  let last: Promise<void> = Promise.resolve()
  let seen = 0
  for await (const line of readLines(run.input, MAX_LINE)) {
    if (run.signal.aborted) break
    const known = before.ids[seen++]
    if (known !== undefined) {
      if (known !== idOf(line)) throw otherInput(line, known, seen)
      continue
    }
    const answer = answerLine(run, line, totals)
    const previous = last
    last = previous.then(async () => write(run, totals, await answer))
    // A failure is met where it is awaited, which may be later.
    last.catch(() => {})
    underWay.push(last)
    if (underWay.length >= window) await underWay.shift()
  }
  if (!run.signal.aborted && seen < before.ids.length) throw moreAnswers(before.ids.length, seen)
  await last
  return totals
}

/** The exit code that stands for a run. */
export const exitCode = (totals: BatchTotals, signal: AbortSignal) =>
  signal.aborted ? EXIT.interrupted : totals.failed > 0 ? EXIT.failure : EXIT.done

async function write({ output, signal }: BatchRun, totals: BatchTotals, answer: object | undefined) {
  if (answer === undefined || signal.aborted) return
  await output.write(JSON.stringify(answer))
  totals.answered++
}

/** The answer to one line; undefined when it was interrupted. */
async function answerLine(run: BatchRun, line: InputLine, totals: BatchTotals): Promise<object | undefined> {
  const { model, batch, form, defaults, signal } = run
  const id = idOf(line)
  try {
    const { ids, options } = readRequest(model, line, form)
    if (ids.length > batch.nCtx) throw promptTooLong(ids.length, batch.nCtx, model.contextLength)
    const result: GenerateResult = await batch.generate(ids, {
      ...withDefaults(options, defaults),
      signal,
    }).result
    if (result.finishReason === 'aborted') return undefined
    totals.promptTokens += ids.length
    totals.generatedTokens += result.tokens.length
    return { id, ...answerFields(result, ids.length) }
  } catch (error) {
    if (signal.aborted) return undefined
    if (!(error instanceof OpenElmError)) throw error
    totals.failed++
    run.report(`line ${line.number}:\n${formatError(error)}`)
    const { code, message, why } = error
    return { id, error: { code, message, ...(why === undefined ? {} : { why }) } }
  }
}

/**
 * A file, or standard input for `-`.
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ
 */
export async function openInput(path: string, stdin: Readable): Promise<Readable> {
  if (path === '-') return stdin
  try {
    const file = await open(path)
    if ((await file.stat()).isDirectory()) throw new Error('It is a folder')
    return file.createReadStream()
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new OpenElmError(
      missing ? 'E_FILE_NOT_FOUND' : 'E_FILE_READ',
      `The input "${path}" cannot be read.`,
      {
        why: missing ? 'There is no file at that path.' : `${(error as Error).message}.`,
        next: 'Check the path given with --batch.',
        cause: error,
      },
    )
  }
}

const otherInput = (line: InputLine, known: unknown, seen: number) =>
  new OpenElmError('E_USAGE', 'The output belongs to another input.', {
    why: `Its line ${seen} answers ${JSON.stringify(known)}; line ${line.number} of the input is ${JSON.stringify(idOf(line))}.`,
    next: 'Name another file with -o to begin anew.',
  })

const moreAnswers = (answers: number, lines: number) =>
  new OpenElmError('E_USAGE', 'The output belongs to another input.', {
    why: `It has ${answers} answers; the input has ${lines} lines.`,
    next: 'Name another file with -o to begin anew.',
  })
