import fc from 'fast-check'
import t from 'tap'
import { advance, EMPTY_STREAM, type Finished, type MarkdownStream } from '../../../src/ui/markdown/stream.js'
import { widthOf } from '../../../src/ui/text/rows.js'
import { plainText, type StyledRow } from '../../../src/ui/text/styled.js'

const rowsOf = (finished: readonly Finished[]): StyledRow[] =>
  finished.flatMap(({ gap, rows }) => (gap ? [[], ...rows] : rows))

const textOf = (rows: readonly StyledRow[]) => rows.map(plainText).join('\n')

/** A text read as a whole. */
const whole = (source: string, width: number) =>
  rowsOf(advance(EMPTY_STREAM, source, { width, maxLive: 8, ended: true }).finished)

/** The same text in pieces of `size` characters: what is finished on the way. */
function streamed(source: string, width: number, size: number, maxLive = 8) {
  let stream: MarkdownStream = EMPTY_STREAM
  const finished: StyledRow[] = []
  let mostLive = 0
  let mostSource = 0
  for (let at = 0; at <= source.length; at += size) {
    const ended = at + size > source.length
    const step = advance(stream, source.slice(at, at + size), { width, maxLive, ended })
    stream = step.stream
    finished.push(...rowsOf(step.finished))
    mostLive = Math.max(mostLive, step.live.length)
    mostSource = Math.max(mostSource, stream.source.length)
  }
  return { rows: finished, mostLive, mostSource }
}

const live = (source: string, width = 40) => textOf(advance(EMPTY_STREAM, source, { width, maxLive: 8 }).live)

/** Blocks as models write them. */
const BLOCKS = [
  'A paragraph with **bold**, *italic*, `code`, ~~gone~~ and [a link](https://example.org/page).',
  'Two lines of one\nparagraph, the second with snake_case and 2 * 3 * 4.',
  '# Heading *one*',
  '### A third heading',
  '1. First\n2. Second, **with emphasis**\n   - nested\n   - again\n3. Third',
  '- [ ] open\n- [x] done\n- plain',
  '> Quoted text over\n> two lines.',
  '```ts\nconst a = [1, 2]\n\n  indented(`x`)\n```',
  '~~~\n```\n~~~',
  '| Name | Value |\n|:-----|------:|\n| one | 1 |\n| a longer one | 22 |',
  '---',
  'A **bold stretch that goes on and on over more than one row of the screen** and ends.',
  'Ein Satz mit Umlauten: Grüße. 日本語のテキスト。 🙂👨‍👩‍👧',
] as const

t.test('however a text is cut into pieces, the same comes out', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...BLOCKS), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 16, max: 90 }),
      fc.integer({ min: 1, max: 40 }),
      (blocks, width, size) => {
        // Two lists without anything between them would be one.
        const source = blocks.join('\n\nThen:\n\n')
        const rows = whole(source, width)
        const fits = rows.every((row) => widthOf(plainText(row)) <= width)
        return fits && textOf(streamed(source, width, size).rows) === textOf(rows)
      },
    ),
    { numRuns: 150 },
  )
  t.pass('held for all')
})

t.test('whatever a model writes, no word is lost and none comes twice', async (t) => {
  const marks = [
    '*',
    '**',
    '_',
    '`',
    '[',
    ']',
    '(',
    ')',
    '# ',
    '- ',
    '> ',
    '~~',
    '1. ',
    '\n',
    '\n\n',
    ' ',
    '\\',
    '|',
  ]
  const piece = fc.oneof(fc.constantFrom(...marks), fc.constantFrom('word', 'abc', 'x', '日本', '🙂'))
  const letters = (rows: readonly StyledRow[]) =>
    textOf(rows).replace(/[^\p{L}\p{Extended_Pictographic}]/gu, '')
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 3, max: 12 }),
      (pieces, width, size, maxLive) => {
        const source = pieces.join('').trim()
        return letters(streamed(source, width, size, maxLive).rows) === letters(whole(source, width))
      },
    ),
    { numRuns: 300 },
  )
  t.pass('held for all')
})

t.test('what is open is shown as if it were closed, without its marks', async (t) => {
  t.equal(live('some **bold te'), 'some bold te')
  t.equal(live('some **bold**'), 'some bold')
  t.equal(live('some **bold*'), 'some bold')
  t.equal(live('some *'), 'some')
  t.equal(live('2 * 3'), '2 * 3')
  t.equal(live('snake_case_'), 'snake_case')
  t.equal(live('use `npm in'), 'use npm in')
  t.equal(live('use `'), 'use')
  t.equal(live('see [the page](https://exam'), 'see the page')
  t.equal(live('see [the page]'), 'see the page')
  t.equal(live('see [the page](http://x.y)'), 'see the page (http://x.y)')
  t.equal(live('a &am'), 'a')
  t.equal(live('- one **two'), '• one two')
  t.equal(live('### Head'), 'Head')
})

t.test('rows that can still change are live, others are finished', async (t) => {
  const step = (source: string) => advance(EMPTY_STREAM, source, { width: 10, maxLive: 8 })
  const finished = (source: string) => textOf(rowsOf(step(source).finished)).trim()
  t.equal(finished('one two three four'), 'one two')
  t.equal(finished('one [two three four'), '', 'this may become a link')
  t.equal(finished('one **two three four'), '', 'the mark may turn out to be none')
  t.equal(finished('one **two** three four'), 'one two')
  t.equal(finished('| a | b | c | d | e |'), '', 'this may become a table')
  t.equal(finished('- one\n- two'), '• one')
  t.equal(finished('para\n\n'), '', 'a block ends where the next begins')
  t.equal(finished('para\n\nnext'), 'para')
  t.equal(finished('```js\na\nb'), '── js ────\n  a')
  t.equal(live('```js\na\n``'), '', 'what may end the code is not shown as code')
})

t.test('little is live and little is read again, however long a block gets', async (t) => {
  const prose = Array.from({ length: 8000 }, (_, i) => `word${i}`).join(' ')
  const bold = `**${prose}`
  const code = `\`\`\`\n${Array.from({ length: 3000 }, (_, i) => `line ${i}`).join('\n')}`
  const list = Array.from({ length: 2000 }, (_, i) => `${i + 1}. item`).join('\n')
  for (const [name, source, most] of [
    ['prose', prose, 4100],
    ['bold', bold, 4100],
    ['code', code, 100],
    ['list', list, 100],
  ] as const) {
    const { rows, mostLive, mostSource } = streamed(source, 40, 97, 6)
    t.ok(mostLive <= 6, `${name}: ${mostLive} rows live`)
    t.ok(mostSource <= most, `${name}: ${mostSource} characters kept`)
    const words = (text: string) => text.match(/word\d+|line \d+|\d+\. item/g)?.join(' ')
    t.equal(
      words(textOf(rows).replace(/\n/g, ' ')),
      words(source.replace(/\n/g, ' ')),
      `${name}: all is there`,
    )
  }
})

t.test('a screen that changes its width in the middle of a block', async (t) => {
  const words = Array.from({ length: 60 }, (_, i) => `word${i}`)
  let stream: MarkdownStream = EMPTY_STREAM
  const rows: StyledRow[] = []
  for (const [i, word] of words.entries()) {
    const step = advance(stream, `${word}, `, { width: [30, 17, 44][i % 3] ?? 30, maxLive: 4 })
    stream = step.stream
    rows.push(...rowsOf(step.finished))
  }
  rows.push(...rowsOf(advance(stream, '', { width: 25, maxLive: 4, ended: true }).finished))
  t.equal(textOf(rows).match(/\w+,/g)?.join(' '), words.map((word) => `${word},`).join(' '))
})
