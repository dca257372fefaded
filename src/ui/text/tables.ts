import type { ChatSession } from '../../engine/chat/chat-session.js'
import { widthOf, wrapText } from './rows.js'

/** Lines of aligned columns; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, i) =>
    Math.max(...rows.map((row) => widthOf(row[i] ?? ''))),
  )
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Share of the width that the first column of a line may take for the rest to be broken beside it. */
const WIDEST_HEAD = 0.6

/** Lines, those of columns among them, as rows of at most `width` columns: what is broken goes on below its column. */
export function wrapColumns(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    const [head = ''] = /^\s*\S.*?\s{2,}(?=\S)/.exec(line) ?? []
    const columns = widthOf(head)
    if (head === '' || columns > width * WIDEST_HEAD) return wrapText(line, width)
    const rows = wrapText(line.slice(head.length), width - columns)
    return rows.map((row, i) => (i === 0 ? head : ' '.repeat(columns)) + row)
  })
}

/** Tokens a second with a sensible number of digits; – where nothing was measured. */
export function rate(tokens: number, seconds: number): string {
  if (tokens <= 0 || seconds <= 0) return '–'
  const value = tokens / seconds
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} tokens/s`
}

const share = (part: number, whole: number) => (whole > 0 ? ` (${Math.round((100 * part) / whole)} %)` : '')

/** The text of /stats. The first token of a reply comes out of prefill, so the decode rate leaves it out. */
export function statsLines({ stats, context, droppedTurns }: ChatSession): string {
  const { last } = stats
  const lines = [
    ['replies', String(stats.replies)],
    ['prompt tokens', String(stats.promptTokens)],
    ['  reused from the cache', `${stats.reusedTokens}${share(stats.reusedTokens, stats.promptTokens)}`],
    ['  evaluated', `${stats.evaluatedTokens}, ${rate(stats.evaluatedTokens, stats.prefillSeconds)}`],
    [
      'generated tokens',
      `${stats.generatedTokens}, ${rate(stats.generatedTokens - stats.replies, stats.decodeSeconds)}`,
    ],
    ['context used', `${context.used} of ${context.size}${share(context.used, context.size)}`],
    ['turns dropped', String(droppedTurns)],
  ]
  if (last) {
    lines.push(['time to first token', `${Math.round(1000 * last.firstTokenSeconds)} ms (last reply)`])
  }
  return columns(lines)
}
