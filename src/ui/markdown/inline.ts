import type { Token, Tokens } from 'marked'
import type { Span, Style } from '../text/styled.js'

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': ' ',
}

const decode = (text: string) =>
  text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (entity) => ENTITIES[entity] ?? entity)

/** The text of inline tokens with its styles. Line breaks of the source stay: models mean them. */
export function inlineSpans(tokens: readonly Token[], style: Style = {}): Span[] {
  return tokens.flatMap((token) => inlineSpan(token as Tokens.Generic, style))
}

function inlineSpan(token: Tokens.Generic, style: Style): Span[] {
  const inner = (extra: Style) => inlineSpans(token.tokens ?? [], { ...style, ...extra })
  switch (token.type) {
    case 'strong':
      return inner({ bold: true })
    case 'em':
      return inner({ italic: true })
    case 'del':
      return inner({ strikethrough: true })
    case 'codespan':
      return [{ ...style, part: 'code', text: token.text }]
    case 'checkbox':
      return []
    case 'br':
      return [{ ...style, text: '\n' }]
    case 'link':
      return withAddress(inner({ part: 'link' }), token.href, style)
    case 'image':
      return withAddress([{ ...style, part: 'link', text: token.text || 'image' }], token.href, style)
    case 'html':
      return [{ ...style, text: /^<br\s*\/?>$/i.test(token.raw) ? '\n' : token.raw }]
    case 'escape':
      return [{ ...style, text: token.text }]
    default:
      return token.tokens ? inner({}) : [{ ...style, text: decode(token.text ?? token.raw) }]
  }
}

/** A link is followed by where it leads, unless that is what it says. */
function withAddress(label: readonly Span[], address: string, style: Style): Span[] {
  const said = label.map(({ text }) => text).join('')
  if (address === '' || address === said || address === `mailto:${said}` || address === `http://${said}`) {
    return [...label]
  }
  return [...label, { ...style, part: 'url', text: ` (${address})` }]
}
