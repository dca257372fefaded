import { type Colour, hex, type Style } from './cells.js'

/** Colours of a window. */
export interface Palette {
  readonly background: string
  readonly foreground: string
  readonly bar: string
  readonly border: string
  /** The sixteen colours that have names, normal and bright. */
  readonly named: readonly string[]
}

export const DARK: Palette = {
  background: '#171a21',
  foreground: '#d8dde6',
  bar: '#222733',
  border: '#323948',
  named: [
    ...['#3a4150', '#f2777a', '#8fce7c', '#e6c07b', '#6ca8f0', '#c792ea', '#5fc9d6', '#d8dde6'],
    ...['#6b7487', '#ff9a9c', '#acdf9c', '#f5d799', '#8cc0ff', '#dbb2f5', '#86dfe9', '#ffffff'],
  ],
}

export const LIGHT: Palette = {
  background: '#fcfcfa',
  foreground: '#2a2f3a',
  bar: '#ecebe6',
  border: '#d3d1c8',
  named: [
    ...['#2a2f3a', '#c0393b', '#3d8b37', '#9a6b00', '#2166c2', '#8b3fb5', '#11808d', '#8a8f99'],
    ...['#5c6370', '#d9575a', '#51a049', '#b58212', '#3a80dc', '#a45bcc', '#2699a6', '#b9bcc2'],
  ],
}

const LEVELS = [0, 95, 135, 175, 215, 255]

/** A colour by its number: 16 named ones, a cube of 6 × 6 × 6, 24 greys (xterm's). */
function byNumber(palette: Palette, index: number): string {
  if (index < 16) return palette.named[index] ?? palette.foreground
  if (index >= 232) {
    const grey = 8 + 10 * (index - 232)
    return hex(grey, grey, grey)
  }
  const i = index - 16
  return hex(...[Math.floor(i / 36), Math.floor(i / 6) % 6, i % 6].map((level) => LEVELS[level] ?? 0))
}

const resolve = (palette: Palette, colour: Colour, otherwise: string): string => {
  if (colour === undefined) return otherwise
  return typeof colour === 'string' ? colour : byNumber(palette, colour)
}

/** A colour between two, `share` of the way to the second. */
function mix(first: string, second: string, share: number): string {
  const parts = (colour: string) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
  const [a, b] = [parts(first), parts(second)]
  return hex(...a.map((part, i) => Math.round(part + share * ((b[i] ?? 0) - part))))
}

/** What a cell is painted with; no background where it is the window's. */
export function paint(palette: Palette, style: Style): { readonly ink: string; readonly ground?: string } {
  const front = resolve(palette, style.foreground, palette.foreground)
  const back = resolve(palette, style.background, palette.background)
  const [ink, ground] = style.inverse ? [back, front] : [front, back]
  const dimmed = style.dim ? mix(ink, ground, 0.42) : ink
  return ground === palette.background ? { ink: dimmed } : { ink: dimmed, ground }
}
