import { type Cell, parseScreen } from './cells.js'
import { DARK, type Palette, paint } from './colours.js'
import { isShape, rectangle, round, shapeSvg } from './shapes.js'

export interface WindowOptions {
  /** Stands in the bar, and is what a screen reader says first. */
  readonly title: string
  /** Columns of the terminal. */
  readonly columns: number
  /** Column and row of a cursor to draw. */
  readonly cursor?: readonly [number, number]
  readonly palette?: Palette
}

/** Sizes in pixels. The width of a cell is what most fonts with one width have: 0.6 of their size. */
const FONT = 14
const CELL = { width: 8.4, height: 19 }
const BAR = 34
const MARGIN = 18
const FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
const BUTTONS = ['#ff6159', '#ffbd2e', '#28c941']

/**
 * A terminal's screen, as `tmux capture-pane -e -p` prints it, as a picture of a window. Every run of characters is
 * stretched to its columns, so that it looks alike whatever font there is.
 */
export function screenSvg(
  capture: string,
  { title, columns, cursor, palette = DARK }: WindowOptions,
): string {
  const rows = parseScreen(capture)
  const width = round(columns * CELL.width + 2 * MARGIN)
  const height = BAR + rows.length * CELL.height + 2 * MARGIN - 6
  const { background, foreground, bar, border } = palette
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="${FONTS}" font-size="${FONT}">`
  const frame = [
    `<title>${escapeXml(title)}</title>`,
    `<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="9" fill="${background}" stroke="${border}"/>`,
    `<path d="M1 ${BAR}V9.5A8.5 8.5 0 0 1 9.5 1H${width - 9.5}A8.5 8.5 0 0 1 ${width - 1} 9.5V${BAR}Z" fill="${bar}"/>`,
    ...BUTTONS.map((colour, i) => `<circle cx="${20 + 20 * i}" cy="${BAR / 2}" r="6" fill="${colour}"/>`),
    `<text x="${width / 2}" y="${BAR / 2 + 4.5}" text-anchor="middle" font-size="13" fill="${foreground}" fill-opacity=".7">${escapeXml(title)}</text>`,
  ]
  const [column, row] = cursor ?? []
  const block =
    column === undefined || row === undefined
      ? []
      : [rectangle({ x: left(column), y: top(row), ...CELL }, foreground, 0.75)]
  const body = rows.map((cells, i) => rowSvg(cells, i, palette)).filter((line) => line !== '')
  return `${[head, ...frame, ...block, '<g xml:space="preserve">', ...body, '</g>', '</svg>'].join('\n')}\n`
}

const left = (column: number) => MARGIN + column * CELL.width
const top = (row: number) => BAR + MARGIN - 4 + row * CELL.height

/** Cells that are drawn in one go: of one style, and either letters of ASCII or one other character, repeated. */
interface Run {
  readonly column: number
  readonly first: Cell
  text: string
  cells: number
  columns: number
}

function runsOf(cells: readonly Cell[]): readonly Run[] {
  const runs: Run[] = []
  let column = 0
  for (const cell of cells) {
    const last = runs.at(-1)
    const ascii = (text: string) => /^[ -~]+$/.test(text)
    const alike =
      last && (ascii(cell.text) ? ascii(last.text) : isShape(cell.text) && last.first.text === cell.text)
    if (last && alike && last.first.style === cell.style) {
      last.text += cell.text
      last.cells++
      last.columns += cell.width
    } else runs.push({ column, first: cell, text: cell.text, cells: 1, columns: cell.width })
    column += cell.width
  }
  return runs
}

function rowSvg(cells: readonly Cell[], row: number, palette: Palette): string {
  const parts = runsOf(cells).map((run) => {
    const { style, text } = run.first
    const { ink, ground } = paint(palette, style)
    const box = { x: left(run.column), y: top(row), width: run.columns * CELL.width, height: CELL.height }
    const behind = ground === undefined ? '' : rectangle(box, ground)
    if (isShape(text)) return behind + shapeSvg(text, { ...box, ...CELL }, run.cells, ink)
    return behind + textSvg(run, box.x, box.y, ink)
  })
  return parts.join('')
}

function textSvg({ text, first }: Run, x: number, y: number, ink: string): string {
  const { bold, italic, underline, strike } = first.style
  const decorated = underline || strike
  // Blanks at the ends would only make the file larger; a line below them is seen.
  const start = decorated ? 0 : text.length - text.trimStart().length
  const shown = decorated ? text : text.trim()
  if (shown === '') return ''
  const columns = shown === text && first.width > 1 ? first.width : shown.length
  const length = /^[ -~]+$/.test(shown) ? columns : first.width
  const attributes = [
    `x="${round(x + start * CELL.width)}"`,
    `y="${round(y + 14)}"`,
    `textLength="${round(length * CELL.width)}"`,
    'lengthAdjust="spacingAndGlyphs"',
    `fill="${ink}"`,
    ...(bold ? ['font-weight="700"'] : []),
    ...(italic ? ['font-style="italic"'] : []),
    ...(decorated
      ? [
          `text-decoration="${[underline && 'underline', strike && 'line-through'].filter(Boolean).join(' ')}"`,
        ]
      : []),
  ]
  return `<text ${attributes.join(' ')}>${escapeXml(shown)}</text>`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '')
