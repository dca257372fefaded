import stringWidth from 'string-width'

/** A colour of the terminal: one of its 256, or a mixed one as `#rrggbb`; undefined is the default. */
export type Colour = number | string | undefined

export interface Style {
  readonly foreground: Colour
  readonly background: Colour
  readonly bold: boolean
  readonly dim: boolean
  readonly italic: boolean
  readonly underline: boolean
  readonly inverse: boolean
  readonly strike: boolean
}

/** A character as a reader sees one, and the columns it takes: 1 or 2. */
export interface Cell {
  readonly text: string
  readonly width: number
  readonly style: Style
}

export const PLAIN: Style = {
  foreground: undefined,
  background: undefined,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
  strike: false,
}

/** What is left out: operating system commands such as links and titles, and sequences that are no colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins what is looked for
const SEQUENCE = /\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[([\d;:]*)([@-~])|\x1b[ -/]*[0-~]/g
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * The rows of a screen as `tmux capture-pane -e -p` prints it. A style holds until another is set, across ends of
 * lines. Empty rows at the end are left out.
 */
export function parseScreen(capture: string): readonly (readonly Cell[])[] {
  let style = PLAIN
  const rows = capture.split('\n').map((line) => {
    const cells: Cell[] = []
    let end = 0
    const add = (text: string) => {
      for (const { segment } of graphemes.segment(text)) {
        const width = stringWidth(segment)
        if (width > 0) cells.push({ text: segment, width, style })
      }
    }
    for (const match of line.matchAll(SEQUENCE)) {
      add(line.slice(end, match.index))
      end = match.index + match[0].length
      if (match[2] === 'm') style = withCodes(style, match[1] ?? '')
    }
    add(line.slice(end))
    return cells
  })
  while (rows.length > 0 && rows.at(-1)?.length === 0) rows.pop()
  return rows
}

/** A style after the parameters of a "select graphic rendition" (ECMA-48, and xterm's for more colours). */
function withCodes(before: Style, parameters: string): Style {
  let style = before
  const codes = parameters.split(/[;:]/).map(Number)
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0
    if (code === 38 || code === 48) {
      const direct = codes[i + 1] === 2
      const [r = 0, g = 0, b = 0] = codes.slice(i + 2, i + 5)
      const colour = direct ? hex(r, g, b) : codes[i + 2]
      style = code === 38 ? { ...style, foreground: colour } : { ...style, background: colour }
      i += direct ? 4 : 2
    } else style = withCode(style, code)
  }
  return style
}

function withCode(style: Style, code: number): Style {
  if (code >= 30 && code <= 37) return { ...style, foreground: code - 30 }
  if (code >= 90 && code <= 97) return { ...style, foreground: code - 82 }
  if (code >= 40 && code <= 47) return { ...style, background: code - 40 }
  if (code >= 100 && code <= 107) return { ...style, background: code - 92 }
  return { ...style, ...CHANGES[code] }
}

const CHANGES: Readonly<Record<number, Partial<Style>>> = {
  0: PLAIN,
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  29: { strike: false },
  39: { foreground: undefined },
  49: { background: undefined },
}

export const hex = (...parts: readonly number[]): string =>
  `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`
