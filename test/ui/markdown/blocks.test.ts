import { Lexer } from 'marked'
import t from 'tap'
import { blockRows } from '../../../src/ui/markdown/blocks.js'
import { plainText, type Span } from '../../../src/ui/text/styled.js'

const rows = (source: string, width = 40) =>
  new Lexer({ gfm: true }).lex(source).flatMap((token) => blockRows(token, width))
const text = (source: string, width?: number) => rows(source, width).map(plainText)

/** Spans as `text{styles}`. */
const styled = (source: string) =>
  rows(source)
    .flat()
    .map(
      ({ text, decor: _, ...style }: Span) =>
        `${text}{${Object.values(style)
          .map((v) => (v === true ? '' : v))
          .join('')}${Object.keys(style)
          .filter((k) => k !== 'part')
          .join(' ')}}`,
    )

t.test('inline styles', async (t) => {
  t.strictSame(styled('a **b *c*** `d` ~~e~~'), [
    'a {}',
    'b {bold}',
    'c{bold italic}',
    ' {}',
    'd{code}',
    ' {}',
    'e{strikethrough}',
  ])
  t.strictSame(styled('[a](http://x.y) <http://z.z> ![pic](p.png)'), [
    'a{link}',
    ' (http://x.y){url}',
    ' {}',
    'http://z.z{link}',
    ' {}',
    'pic{link}',
    ' (p.png){url}',
  ])
  t.strictSame(text('a &lt;b&gt; \\*c\\* <i>d</i>'), ['a <b> *c* <i>d</i>'])
  t.strictSame(text('one\ntwo'), ['one', 'two'], 'line breaks stay')
})

t.test('headings', async (t) => {
  t.strictSame(text('# One', 8), ['One', '────────'])
  t.strictSame(styled('## Two'), ['Two{heading}'])
  t.strictSame(styled('#### Four'), ['Four{headingitalic}'])
})

t.test('lists', async (t) => {
  t.strictSame(text('- a\n- b\n  1. c\n  2. d\n\n     e'), ['• a', '• b', '  1. c', '  2. d', '', '     e'])
  t.strictSame(text('9. a\n10. b'), [' 9. a', '10. b'], 'numbers are aligned')
  t.strictSame(text('- [ ] a\n- [x] b'), ['☐ a', '☑ b'])
  t.strictSame(text('- one two three', 12), ['• one two', '  three'])
  t.strictSame(text('-'), ['• '], 'an item that has only begun')
})

t.test('code', async (t) => {
  t.strictSame(text('```js\na\n\n  b\n```', 12), ['── js ──────', '  a', '', '    b', '────────────'])
  t.strictSame(text('    indented'), ['─'.repeat(40), '  indented', '─'.repeat(40)])
  t.strictSame(
    text('```\nabcdefgh\n```', 6),
    ['──────', '  abcd', '  efgh', '──────'],
    'long lines are broken',
  )
  t.ok(
    rows('```\na\n```', 200).every((row) => plainText(row).length <= 48),
    'rules are not as wide as the screen',
  )
})

t.test('quotes, rules, HTML, definitions', async (t) => {
  t.strictSame(text('> a\n>\n> b\n> > c'), ['│ a', '│ ', '│ b', '│ ', '│ │ c'])
  t.strictSame(text('***', 5), ['─────'])
  t.strictSame(text('<div>\nx\n</div>'), ['<div>', 'x', '</div>'])
  t.strictSame(text('[x]: http://y.z'), ['[x]: http://y.z'], 'nothing is swallowed')
})

const TABLE = '| Name | Count |\n|------|------:|\n| **a** | 1 |\n| 日本語 | 22 |'

t.test('tables', async (t) => {
  t.strictSame(text(TABLE), ['Name   │ Count', '───────┼──────', 'a      │     1', '日本語 │    22'])
  t.strictSame(text('| a | b |\n|:-:|---|\n| xxx | y |'), [' a  │ b', '────┼──', 'xxx │ y'])
  t.strictSame(
    text('| Name | About |\n|---|---|\n| a | many words in a cell |', 22),
    ['Name │ About', '─────┼────────────────', 'a    │ many words in a', '     │ cell'],
    'wide cells are broken',
  )
  t.strictSame(
    text('| Name | About | More |\n|---|---|---|\n| a | many words | x |\n| b | c | d |', 14),
    ['Name: a', 'About: many', 'words', 'More: x', '────────', 'Name: b', 'About: c', 'More: d'],
    'a list where columns would be too narrow',
  )
})
