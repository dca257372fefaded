/**
 * Characters that are drawn as shapes instead of text: lines and blocks have to meet those of the next cell, which
 * glyphs of a font do only at that font's own line height.
 */

/** A place in the picture, in its units. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Lines from the middle of a cell: left, right, up, down. */
const LINES: Readonly<Record<string, string>> = {
  '─': 'lr',
  '│': 'ud',
  '┌': 'rd',
  '┐': 'ld',
  '└': 'ru',
  '┘': 'lu',
  '├': 'rud',
  '┤': 'lud',
  '┬': 'lrd',
  '┴': 'lru',
  '┼': 'lrud',
  '╭': 'rd',
  '╮': 'ld',
  '╰': 'ru',
  '╯': 'lu',
}

/** Parts of a cell that are filled: x, y, width, height, and how much of the background is covered. */
const BLOCKS: Readonly<Record<string, readonly [number, number, number, number, number]>> = {
  '█': [0, 0, 1, 1, 1],
  '▓': [0, 0, 1, 1, 0.7],
  '▒': [0, 0, 1, 1, 0.45],
  '░': [0, 0, 1, 1, 0.25],
  '▀': [0, 0, 1, 0.5, 1],
  '▄': [0, 0.5, 1, 0.5, 1],
  '▌': [0, 0, 0.5, 1, 1],
  '▐': [0.5, 0, 0.5, 1, 1],
}
for (let eighths = 1; eighths < 8; eighths++) {
  const name = String.fromCodePoint(0x2590 - eighths)
  Object.assign(BLOCKS, { [name]: [0, 0, eighths / 8, 1, 1] })
}

export const isShape = (text: string): boolean => Object.hasOwn(LINES, text) || Object.hasOwn(BLOCKS, text)

export const round = (value: number): number => Number(value.toFixed(2))

/** SVG of `count` equal shapes side by side, each in a cell like the first. */
export function shapeSvg(text: string, first: Box, count: number, ink: string): string {
  const block = BLOCKS[text]
  if (block) {
    const [x, y, width, height, cover] = block
    const whole = width === 1
    return Array.from({ length: whole ? 1 : count }, (_, i) => {
      const box = {
        x: first.x + (x + i) * first.width,
        y: first.y + y * first.height,
        width: width * first.width * (whole ? count : 1),
        height: height * first.height,
      }
      return rectangle(box, ink, cover)
    }).join('')
  }
  const arms = LINES[text] ?? ''
  const path = Array.from({ length: count }, (_, i) => {
    const left = first.x + i * first.width
    const [middle, centre] = [round(left + first.width / 2), round(first.y + first.height / 2)]
    const ends: Record<string, string> = {
      l: `H${round(left)}`,
      r: `H${round(left + first.width)}`,
      u: `V${round(first.y)}`,
      d: `V${round(first.y + first.height)}`,
    }
    return [...arms].map((arm) => `M${middle} ${centre}${ends[arm]}`).join('')
  }).join('')
  return `<path d="${path}" stroke="${ink}" fill="none"/>`
}

export function rectangle({ x, y, width, height }: Box, fill: string, opacity = 1): string {
  const faint = opacity < 1 ? ` fill-opacity="${opacity}"` : ''
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${fill}"${faint}/>`
}
