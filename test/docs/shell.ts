import type { Block } from './markdown.js'

/** A command as a reader would type it, comments taken off. */
export interface Command {
  readonly line: string
  /** What the page shows below it; undefined where it shows nothing. */
  readonly shown: string | undefined
}

/** The commands of a block of shell: all lines of `sh`, those after `$ ` of `console`. */
export function commandsOf({ lang, text }: Block): readonly Command[] {
  return lang === 'console' ? fromTranscript(text) : joined(text.split('\n')).map(plain)
}

const plain = (line: string): Command => ({ line, shown: undefined })

/** Puts continued lines together and leaves out comments and empty lines. */
function joined(lines: readonly string[]): readonly string[] {
  const found: string[] = []
  let open = ''
  for (const line of lines) {
    const whole = open === '' ? line : `${open}\n${line}`
    open = whole.endsWith('\\') ? whole : ''
    if (open === '') found.push(withoutComment(whole))
  }
  if (open !== '') throw new Error(`a command ends in a backslash: ${open}`)
  return found.filter((line) => line !== '')
}

const withoutComment = (line: string) => line.replace(/(^|\s+)#\s.*$/, '').trim()

function fromTranscript(text: string): readonly Command[] {
  const parts = text.split(/^\$ /m)
  if (parts.shift() !== '') throw new Error(`a transcript begins with "$ ", not with ${text.split('\n')[0]}`)
  return parts.map((part) => {
    const lines = part.split('\n')
    let length = 1
    while (lines[length - 1]?.endsWith('\\')) length++
    return { line: joined(lines.slice(0, length))[0] ?? '', shown: lines.slice(length).join('\n').trimEnd() }
  })
}

/** Whether output is what a page shows, where … stands for anything. */
export function matchesShown(shown: string, output: string): boolean {
  const escaped = shown.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${escaped.join('[^]*?')}$`).test(output.trimEnd())
}
