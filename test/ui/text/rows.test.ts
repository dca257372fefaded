import fc from 'fast-check'
import t from 'tap'
import { printable } from '../../../src/ui/text/printable.js'
import { breakRows, characters, truncate, widthOf, wrapText } from '../../../src/ui/text/rows.js'
import { wrapColumns } from '../../../src/ui/text/tables.js'

t.test('wrapping', async (t) => {
  t.strictSame(wrapText('', 5), [''])
  t.strictSame(wrapText('one two three', 7), ['one two', 'three'])
  t.strictSame(wrapText('one two three', 8), ['one two', 'three'])
  t.strictSame(wrapText('abcdefgh', 3), ['abc', 'def', 'gh'], 'long words break')
  t.strictSame(wrapText('a abcdefgh', 4), ['a', 'abcd', 'efgh'])
  t.strictSame(wrapText('a\n\nb\r\nc\n', 5), ['a', '', 'b', 'c', ''])
  t.strictSame(wrapText('日本語', 4), ['日本', '語'])
  t.strictSame(wrapText('👨‍👩‍👧👨‍👩‍👧', 3), ['👨‍👩‍👧', '👨‍👩‍👧'], 'characters stay whole')
  t.strictSame(wrapText('ab     cd', 3), ['ab', 'cd'], 'spaces hang over the end')
  t.strictSame(wrapText('日本', 1), ['日', '本'], 'what is wider than a row gets one of its own')
})

t.test('rows cover the text and fit', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 30 }), (text, width) => {
      const rows = breakRows(text, width)
      let next = 0
      for (const row of rows) {
        if (row.start !== next || row.end < row.start) return false
        if (!/^\r?\n?$/.test(text.slice(row.end, row.next))) return false
        next = row.next
      }
      // A character without any width of its own may change that of its neighbour; those aside, rows fit.
      const plain = /^[\p{L}\p{N} \n]*$/u.test(text)
      return next === text.length && (!plain || wrapText(text, width).every((row) => widthOf(row) <= width))
    }),
  )
  t.pass('held for all')
})

t.test('truncating', async (t) => {
  t.equal(truncate('abc', 3), 'abc')
  t.equal(truncate('abcd', 3), 'ab…')
  t.equal(truncate('日本語', 4), '日…')
  t.equal(truncate('abc', 0), '')
  t.equal(truncate('abc', -3), '')
})

t.test('printable text', async (t) => {
  t.equal(printable('a\r\nb\rc\td'), 'a\nb\nc    d')
  t.equal(printable('\x1b]0;title\x07\x9b2J\u2028'), '�]0;title��2J�')
})

t.test('lines of columns', async (t) => {
  t.strictSame(wrapColumns('/a    one two three\nplain text here', 14), [
    '/a    one two',
    '      three',
    'plain text',
    'here',
  ])
  t.strictSame(wrapColumns('/a    one two three', 8), ['/a', 'one two', 'three'], 'no room beside the first')
  t.strictSame(wrapColumns('', 8), [''])
})

t.test('characters are those of the segmenter', async (t) => {
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('e\u0301', '\r\n', '1\ufe0f\u20e3', 'a', '👨‍👩‍👧'),
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join('')
      const found = [...characters(text)].map((character) => `${character.index} ${character.text}`)
      t.strictSame(
        found,
        [...segmenter.segment(text)].map(({ index, segment }) => `${index} ${segment}`),
      )
    }),
  )
})
