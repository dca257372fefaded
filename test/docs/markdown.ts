import { marked, type Token } from 'marked'
import { filesUnder, textOf } from '../support/files.js'

/** The pages whose commands are run: README.md and everything directly in docs/. */
export const pages: readonly string[] = ['README.md', ...filesUnder('docs', /\.md$/)]

/** A code block of a page. */
export interface Block {
  readonly page: string
  /** First word after the fence; indented blocks are shell commands. */
  readonly lang: string
  readonly text: string
  /** Second word after the fence: the block is the content of a file of that name. */
  readonly file: string | undefined
  /** What a `ts` or `js` block prints: the `text` block right after it. */
  readonly prints: string | undefined
}

/** Languages of blocks that are executed. */
export const SHELL = ['sh', 'console']
export const PROGRAM = ['ts', 'js']

/** Every code block of a page, in order. */
export function blocksOf(page: string): readonly Block[] {
  const found: Block[] = []
  const visit = (tokens: readonly Token[]): void => {
    const solid = tokens.filter(({ type }) => type !== 'space')
    solid.forEach((token, i) => {
      if (token.type === 'code') {
        const next = solid[i + 1]
        const prints = next?.type === 'code' && langOf(next) === 'text' ? String(next.text) : undefined
        found.push({ page, lang: langOf(token), text: String(token.text), file: infoOf(token)[1], prints })
      } else if (token.type === 'list') {
        for (const item of token.items as { tokens: Token[] }[]) visit(item.tokens)
      } else if (token.type === 'blockquote') visit(token.tokens ?? [])
    })
  }
  visit(marked.lexer(textOf(page)))
  return found
}

/** The words after a fence. */
const infoOf = (token: Token): readonly string[] => {
  if ('codeBlockStyle' in token && token.codeBlockStyle === 'indented') return ['sh']
  return String('lang' in token ? (token.lang ?? '') : '').split(/\s+/)
}

const langOf = (token: Token): string => infoOf(token)[0] ?? ''

/** Text between single backquotes, outside blocks. */
export function codeSpansOf(page: string): readonly string[] {
  const found: string[] = []
  marked.walkTokens(marked.lexer(textOf(page)), (token) => {
    if (token.type === 'codespan') found.push(String(token.text))
  })
  return found
}

/** Headings of a page, as they are written. */
export function headingsOf(page: string): readonly string[] {
  return marked.lexer(textOf(page)).flatMap((token) => (token.type === 'heading' ? [String(token.text)] : []))
}
