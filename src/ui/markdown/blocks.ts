import type { Token, Tokens } from 'marked'
import { prefixRows, type Span, type Style, type StyledRow, wrapSpans } from '../text/styled.js'
import { inlineSpans } from './inline.js'
import { tableRows } from './table.js'

/** Columns of a rule at most; as wide as the screen it would only be in the way. */
const RULE_COLUMNS = 48

const CODE_INDENT = '  '

const decor = (text: string, style: Style = {}): Span => ({ ...style, text, decor: true })

/** A rule, with a word in it where there is one. */
export function ruleRow(width: number, label = ''): StyledRow {
  const columns = Math.min(width, RULE_COLUMNS)
  const start = label === '' ? '' : `── ${label} `.slice(0, columns)
  return [decor(start.padEnd(columns, '─'), { part: 'rule' })]
}

/** A line of code, broken anywhere where it is too long. */
export function codeRows(line: string, width: number): StyledRow[] {
  const rows = wrapSpans([{ part: 'code', text: line }], width - CODE_INDENT.length)
  return prefixRows(rows, decor(CODE_INDENT), decor(CODE_INDENT))
}

/** A block of Markdown as rows of at most `width` columns; none for blank space. */
export function blockRows(token: Token, width: number, style: Style = {}): StyledRow[] {
  switch (token.type) {
    case 'space':
      return []
    case 'heading':
      return headingRows(token as Tokens.Heading, width)
    case 'code': {
      const { text, lang } = token as Tokens.Code
      return [
        ruleRow(width, lang),
        ...text.split('\n').flatMap((line) => codeRows(line, width)),
        ruleRow(width),
      ]
    }
    case 'list':
      return listRows(token as Tokens.List, width, style)
    case 'blockquote': {
      const rows = childRows((token as Tokens.Blockquote).tokens, Math.max(1, width - 2), {
        ...style,
        part: 'quote',
      })
      return prefixRows(rows, decor('│ ', { part: 'rule' }), decor('│ ', { part: 'rule' }))
    }
    case 'table':
      return tableRows(token as Tokens.Table, width)
    case 'hr':
      return [ruleRow(width)]
    case 'paragraph':
    case 'text': {
      const { tokens = [] } = token as Tokens.Paragraph
      return wrapSpans(inlineSpans(tokens.length > 0 ? tokens : [token], style), width)
    }
    default:
      // HTML and definitions of links are shown as they are.
      return wrapSpans([{ ...style, text: token.raw.trimEnd() }], width)
  }
}

function headingRows({ depth, tokens }: Tokens.Heading, width: number): StyledRow[] {
  const spans = inlineSpans(tokens, { part: 'heading', ...(depth > 2 && { italic: true }) })
  // The rank shows without colours too.
  return depth === 1 ? [...wrapSpans(spans, width), ruleRow(width)] : wrapSpans(spans, width)
}

/** Blocks one after the other, with a blank row in between; a list follows the text before it at once. */
function childRows(tokens: readonly Token[], width: number, style: Style): StyledRow[] {
  const rows: StyledRow[] = []
  for (const token of tokens) {
    const block = blockRows(token, width, style)
    if (block.length === 0) continue
    if (rows.length > 0 && token.type !== 'list') rows.push([])
    rows.push(...block)
  }
  return rows
}

const TASK = { true: '☑ ', false: '☐ ' }

function listRows(list: Tokens.List, width: number, style: Style): StyledRow[] {
  const first = list.ordered ? Number(list.start) || 0 : 0
  const numbers = String(first + list.items.length - 1).length
  return list.items.flatMap((item, index) => {
    const mark = item.task
      ? TASK[item.checked ? 'true' : 'false']
      : list.ordered
        ? `${String(first + index).padStart(numbers)}. `
        : '• '
    // Where hardly any room is left, nesting shows by its bullets only.
    const indent = width >= 12 ? ' '.repeat(mark.length) : ''
    const children = item.tokens.filter(({ type }) => type !== 'checkbox')
    const rows = childRows(children, Math.max(1, width - mark.length), style)
    return prefixRows(rows.length > 0 ? rows : [[]], decor(mark, { part: 'bullet' }), decor(indent))
  })
}
