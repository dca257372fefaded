import { readFile } from 'node:fs/promises'
import { OpenElmError } from '../../errors.js'

/** More than any context holds; a larger input is a mistake and must not fill the memory. */
const MAX_BYTES = 64 * 2 ** 20

/** Where the parts of a prompt come from. */
export interface PromptParts {
  readonly args: readonly string[]
  /** Path of `-f`; `-` is standard input. */
  readonly file: string | undefined
  readonly stdin: NodeJS.ReadStream
  readonly signal: AbortSignal
}

/**
 * The prompt: what comes on standard input, then the file, then the arguments, with a line between them.
 * A terminal on standard input is read only when there is nothing else.
 * @throws OpenElmError E_USAGE when there is none, E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT for text that is not UTF-8
 */
export async function readPrompt({ args, file, stdin, signal }: PromptParts): Promise<string> {
  const given = args.join(' ')
  const wantsStdin = file === '-' || !stdin.isTTY
  const parts = [
    wantsStdin ? decode(await readStdin(stdin, signal), 'standard input') : '',
    file !== undefined && file !== '-' ? decode(await readPromptFile(file, signal), `"${file}"`) : '',
    given,
  ]
  // The newline that ends a line of a pipe or file is not part of what was meant.
  const prompt = parts
    .map((part) => part.replace(/\r?\n$/, ''))
    .filter((part) => part !== '')
    .join('\n')
  if (prompt.trim() === '') {
    throw new OpenElmError('E_USAGE', 'There is no prompt.', {
      why: wantsStdin
        ? 'Standard input was empty and no text was given as an argument.'
        : 'No text was given as an argument, and standard input is a terminal.',
      next: 'Try: openelm run "Define ocean."   For a conversation: openelm chat',
    })
  }
  return prompt
}

async function readStdin(stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  const stop = () => stdin.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_BYTES) throw tooLarge('standard input')
      chunks.push(chunk)
    }
  } catch (error) {
    if (signal.aborted) throw interrupted()
    const code = (error as NodeJS.ErrnoException).code
    if (error instanceof OpenElmError) throw error
    // Started without a standard input at all, as by some service managers.
    if (code === 'EBADF' || code === 'EISDIR' || code === 'EAGAIN') return new Uint8Array(0)
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
  if (signal.aborted) throw interrupted()
  return Buffer.concat(chunks)
}

async function readPromptFile(path: string, signal: AbortSignal): Promise<Uint8Array> {
  try {
    const bytes = await readFile(path, { signal })
    if (bytes.length > MAX_BYTES) throw tooLarge(`"${path}"`)
    return bytes
  } catch (error) {
    if (error instanceof OpenElmError) throw error
    if (signal.aborted) throw interrupted()
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new OpenElmError(
      missing ? 'E_FILE_NOT_FOUND' : 'E_FILE_READ',
      `The prompt "${path}" cannot be read.`,
      {
        why: missing ? 'There is no file at that path.' : (error as Error).message,
        next: 'Check the path given with -f.',
        cause: error,
      },
    )
  }
}

function decode(bytes: Uint8Array, where: string): string {
  try {
    // A byte order mark is not text.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new OpenElmError('E_FORMAT', `The text on ${where} is not valid UTF-8.`, {
      why: 'Models read text; this looks like binary data or another encoding.',
      next: 'Convert it first, for example: iconv -f latin1 -t utf8 FILE | openelm run',
    })
  }
}

const interrupted = () => new OpenElmError('E_ABORTED', 'Interrupted while reading the prompt.')

const tooLarge = (where: string) =>
  new OpenElmError('E_CONTEXT_FULL', `The text on ${where} is larger than ${MAX_BYTES / 2 ** 20} MiB.`, {
    why: 'OpenELM models read at most a few thousand tokens.',
    next: 'Give a shorter text.',
  })
