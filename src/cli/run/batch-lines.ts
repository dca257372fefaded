import type { Readable } from 'node:stream'

/** A line of the input: its number, from 1, and its text or what is wrong with it. */
export interface InputLine {
  readonly number: number
  readonly text: string | undefined
  readonly wrong: string | undefined
}

const NEWLINE = 0x0a

/**
 * Lines of a stream, without those that are blank. A line that is longer than `maxBytes` or not UTF-8 is an item all
 * the same, so that whoever counts lines is not confused; no more than one line is kept.
 */
export async function* readLines(stream: Readable, maxBytes: number): AsyncGenerator<InputLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  let parts: Buffer[] = []
  let size = 0
  const finish = (): InputLine | undefined => {
    number++
    const bytes = Buffer.concat(parts)
    const tooLong = size > maxBytes
    parts = []
    size = 0
    if (tooLong) return { number, text: undefined, wrong: `The line is longer than ${maxBytes} bytes.` }
    try {
      const text = decoder.decode(bytes).trim()
      return text === '' ? undefined : { number, text, wrong: undefined }
    } catch {
      return { number, text: undefined, wrong: 'The line is not valid UTF-8.' }
    }
  }
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let begin = 0
    while (begin < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, begin)
      const end = newline < 0 ? chunk.length : newline
      size += end - begin
      if (size <= maxBytes) parts.push(chunk.subarray(begin, end))
      else parts = []
      begin = end + 1
      if (newline < 0) continue
      const line = finish()
      if (line) yield line
    }
  }
  const last = size > 0 ? finish() : undefined
  if (last) yield last
}
