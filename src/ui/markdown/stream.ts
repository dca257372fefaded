import { Lexer, type Token, type Tokens } from 'marked'
import { contentOf, dropContent, type StyledRow } from '../text/styled.js'
import { blockRows, codeRows, ruleRow } from './blocks.js'
import { repair } from './repair.js'

/** Rows that will not change any more. */
export interface Finished {
  readonly rows: readonly StyledRow[]
  /** A blank row comes before them. */
  readonly gap: boolean
}

/** Markdown on its way. */
export interface MarkdownStream {
  /** The source from the first block on that is not finished. */
  readonly source: string
  /** Content of that block that is finished already, as `contentOf` counts. */
  readonly printed: number
  /** The mark of the code block whose lines are finished as they come. */
  readonly fence: string | undefined
  /** What is finished next goes on in what was finished last: no blank row between them. */
  readonly joined: boolean
}

export const EMPTY_STREAM: MarkdownStream = { source: '', printed: 0, fence: undefined, joined: false }

export interface Step {
  readonly stream: MarkdownStream
  readonly finished: readonly Finished[]
  /** The rows after the finished ones, as far as they are known. */
  readonly live: readonly StyledRow[]
}

export interface StepOptions {
  readonly width: number
  /** Rows that may stay live; where there are more the first are finished although they might still change. */
  readonly maxLive: number
  /** Nothing will follow. */
  readonly ended?: boolean
}

/** Longest source that is read again with each step. Blocks that are longer are finished where a line or word ends. */
const LONGEST_BLOCK = 4000

const lex = (source: string): Token[] => new Lexer({ gfm: true }).lex(source)

/**
 * Takes in more of a text. Blocks that are complete are finished; of the last one those rows that cannot change, so that
 * little is live however long the text gets. The work of a step depends on the length of the last block only, which has
 * a limit, not on that of the text.
 */
export function advance(stream: MarkdownStream, added: string, options: StepOptions): Step {
  const finished: Finished[] = []
  let now: MarkdownStream = { ...stream, source: stream.source + added }
  for (;;) {
    const step = now.fence === undefined ? nextBlock(now, options) : codeLines(now, now.fence, options)
    if (step.finished) finished.push(step.finished)
    now = step.stream
    if (step.live) return { stream: now, finished, live: step.live }
  }
}

/** One move forward; `live` once no other can be made. */
interface Move {
  readonly stream: MarkdownStream
  readonly finished?: Finished
  readonly live?: readonly StyledRow[]
}

/** Lines of a code block up to its end, or to where the text ends. */
function codeLines(stream: MarkdownStream, fence: string, { width, ended }: StepOptions): Move {
  const lines = stream.source.split('\n')
  const isClosing = (line: string) => {
    const [mark] = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line)?.slice(1) ?? []
    return mark !== undefined && mark[0] === fence[0] && mark.length >= fence.length
  }
  const close = lines.findIndex((line, i) => (i < lines.length - 1 || ended) && isClosing(line))
  const whole = close >= 0 ? close : ended ? lines.length : lines.length - 1
  const code = lines.slice(0, whole)
  if (close < 0 && ended && code.at(-1) === '') code.pop()
  const rows = code.flatMap((line) => codeRows(line, width))
  if (close >= 0 || ended) {
    const source = close >= 0 ? lines.slice(close + 1).join('\n') : ''
    return {
      stream: { source, printed: 0, fence: undefined, joined: false },
      finished: { rows: [...rows, ruleRow(width)], gap: false },
    }
  }
  const rest = lines.at(-1) ?? ''
  // What may become the closing mark is not shown as code.
  const live = rest === '' || /^ {0,3}(`+|~+)$/.test(rest) ? [] : codeRows(rest, width)
  return {
    stream: { ...stream, source: rest, joined: true },
    ...(rows.length > 0 ? { finished: { rows, gap: false } } : {}),
    live,
  }
}

/** The first block of the source: finished where it is complete, else its last rows are live. */
function nextBlock(stream: MarkdownStream, options: StepOptions): Move {
  const { width, ended } = options
  const cut = ended ? stream.source : cutLong(stream.source)
  const tokens = lex(cut)
  const index = tokens.findIndex(({ type }) => type !== 'space')
  const block = tokens[index]
  if (!block) return { stream: ended ? EMPTY_STREAM : stream, live: [] }
  const offset = tokens.slice(0, index).reduce((length, { raw }) => length + raw.length, 0)
  const last =
    !ended && cut === stream.source && !tokens.slice(index + 1).some(({ type }) => type !== 'space')
  const after = (raw: string, joined: boolean): MarkdownStream => ({
    source: stream.source.slice(offset + raw.length),
    printed: 0,
    fence: undefined,
    joined,
  })
  const finish = (token: Token, joined: boolean): Move => ({
    stream: after(token.raw, joined),
    ...whole(rowsOf(token, stream, width), stream),
  })
  const item = firstItem(block, stream.source.slice(offset))
  if (item) return finish(item, true)
  if (!last) return finish(block, cut !== stream.source && tokens.at(-1) === block)
  const opening = openFence(block)
  if (opening) {
    return {
      stream: { ...after(opening.line, true), fence: opening.mark },
      finished: { rows: [ruleRow(width, (block as Tokens.Code).lang)], gap: !stream.joined },
    }
  }
  return partial(block, { ...stream, source: stream.source.slice(offset) }, options)
}

/** A source that is too long to be read again and again, up to where it can be cut. */
function cutLong(source: string): string {
  if (source.length <= LONGEST_BLOCK) return source
  const head = source.slice(0, LONGEST_BLOCK)
  const at = Math.max(head.lastIndexOf('\n'), head.lastIndexOf(' '))
  return at > LONGEST_BLOCK / 2 ? head.slice(0, at + 1) : head
}

/** The first item of a list with several, as a list of its own: the others may still grow. */
function firstItem(block: Token, source: string): Tokens.List | undefined {
  if (block.type !== 'list') return undefined
  const list = block as Tokens.List
  const [item] = list.items
  if (!item || list.items.length < 2 || !source.startsWith(item.raw)) return undefined
  return { ...list, raw: item.raw, items: [item] }
}

/** The first line of a fenced code block that is not closed, once that line is complete. */
function openFence({ type, raw }: Token): { readonly line: string; readonly mark: string } | undefined {
  const [line, mark] = type === 'code' ? (/^ {0,3}(`{3,}|~{3,})[^\n]*\n/.exec(raw) ?? []) : []
  return line !== undefined && mark !== undefined ? { line, mark } : undefined
}

/** Rows of a block that are not printed yet. One that was printed in part goes on as it was read then. */
function rowsOf(block: Token, { printed }: MarkdownStream, width: number): StyledRow[] {
  if (printed === 0) return blockRows(block, width)
  return dropContent(repairedRows(block, width), printed)
}

function repairedRows(block: Token, width: number): StyledRow[] {
  const repaired = lex(repair(block.raw).text).find(({ type }) => type !== 'space')
  return repaired ? blockRows(repaired, width) : []
}

/** Rows as a finished part, which follows what was printed of the same block at once. */
function whole(rows: readonly StyledRow[], { printed, joined }: MarkdownStream): Pick<Move, 'finished'> {
  return rows.length > 0 ? { finished: { rows, gap: printed === 0 && !joined } } : {}
}

/** A block that may still grow: rows that cannot change are finished, and those that would be too many. */
function partial(block: Token, stream: MarkdownStream, { width, maxLive }: StepOptions): Move {
  const all = repairedRows(block, width)
  const rows = dropContent(all, stream.printed)
  const stable = stableContent(block, width) - stream.printed
  // A row ends where the next word has no room: that word has to be stable too.
  const isStable = (end: number) => end < stable
  // The last row with something in it is where the text grows.
  const growing = rows.findLastIndex((row) => contentOf(row) > 0)
  let count = 0
  let content = 0
  let next = 0
  for (const [index, row] of rows.entries()) {
    next += contentOf(row)
    if (index >= growing || (!isStable(next) && rows.length - index <= maxLive)) break
    // Rows without content go with the next that has some: only content tells what was printed.
    if (next === content) continue
    content = next
    count = index + 1
  }
  if (count === 0) return { stream, live: rows }
  return {
    stream: { ...stream, printed: stream.printed + content, joined: true },
    ...whole(rows.slice(0, count), stream),
    live: rows.slice(count),
  }
}

/** How much content at the start of a paragraph stays as it is, whatever follows. Other blocks may change altogether. */
function stableContent(block: Token, width: number): number {
  if (block.type !== 'paragraph') return 0
  const safe = Math.min(repair(block.raw).safe, tableHead(block.raw))
  const [before] = lex(block.raw.slice(0, safe))
  return before ? blockRows(before, width).reduce((sum, row) => sum + contentOf(row), 0) : 0
}

/** Offset of the last line if that may turn out to be the head of a table; the length of the text if not. */
function tableHead(text: string): number {
  const rule = /\n[ |:-]*$/.exec(text)
  const head = rule ? text.slice(0, rule.index) : text
  const start = head.lastIndexOf('\n') + 1
  return head.includes('|', start) ? start : text.length
}
