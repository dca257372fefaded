import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { OpenElmError } from '../../errors.js'
import type { Output } from '../output.js'

/** What an interrupted run left. */
export interface Before {
  /** Id of each answered line, in order. */
  readonly ids: readonly unknown[]
  /** How many of them are errors. */
  readonly failed: number
}

/** Where answers go, a line each. */
export interface BatchOutput {
  readonly before: Before
  /** Resolves when the whole line is written and, in a file, safe. */
  write(line: string): Promise<void>
  close(): Promise<void>
}

const NOTHING: Before = { ids: [], failed: 0 }

/** Answers to a pipe or terminal, which knows nothing of a run before. */
export const toStream = (output: Output): BatchOutput => ({
  before: NOTHING,
  write: (line) => output.write(`${line}\n`),
  close: async () => {},
})

/**
 * Answers to a file. Complete lines that are there stay; a line that a killed process tore is cut off.
 * @throws OpenElmError E_FILE_WRITE, E_FORMAT for a file that a batch did not write
 */
export async function toFile(path: string): Promise<BatchOutput> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'a+')
    const { before, end } = await readAnswers(path)
    const { size } = await file.stat()
    if (size > end) {
      await file.truncate(end)
      await file.datasync()
    }
    return fileOutput(path, file, before)
  } catch (error) {
    await file?.close()
    throw error instanceof OpenElmError ? error : writeError(path, error)
  }
}

function fileOutput(path: string, file: FileHandle, before: Before): BatchOutput {
  return {
    before,
    async write(line) {
      try {
        await file.appendFile(`${line}\n`)
        await file.datasync()
      } catch (error) {
        throw writeError(path, error)
      }
    },
    close: () => file.close(),
  }
}

/** The complete lines of an answer file, and where they end in it. */
async function readAnswers(path: string): Promise<{ before: Before; end: number }> {
  const ids: unknown[] = []
  let failed = 0
  let end = 0
  let rest = Buffer.alloc(0)
  const take = (line: Buffer) => {
    const answer = parseAnswer(line)
    if (!answer) {
      throw new OpenElmError('E_FORMAT', `Line ${ids.length + 1} of "${path}" is not an answer of a batch.`, {
        why: 'A file that is there is continued, and this one was written by something else.',
        next: 'Name another file with -o, or remove this one.',
      })
    }
    ids.push(answer.id)
    if (answer.error !== undefined) failed++
  }
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk])
    for (let newline = rest.indexOf(0x0a); newline >= 0; newline = rest.indexOf(0x0a)) {
      take(rest.subarray(0, newline))
      end += newline + 1
      rest = rest.subarray(newline + 1)
    }
  }
  return { before: { ids, failed }, end }
}

function parseAnswer(line: Buffer): { id: unknown; error?: unknown } | undefined {
  try {
    const answer = JSON.parse(line.toString('utf8')) as unknown
    return typeof answer === 'object' && answer !== null && 'id' in answer ? answer : undefined
  } catch {
    return undefined
  }
}

const writeError = (path: string, error: unknown) =>
  new OpenElmError('E_FILE_WRITE', `"${path}" could not be written.`, {
    why: error instanceof Error ? `${error.message}.` : String(error),
    next: 'Check the folder, its permissions and the space left; the same command then goes on where it ended.',
    cause: error,
  })
