import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { llama2Vocab } from '../../src/formats/tokenizer/llama2.js'
import { spaceMark } from '../../src/formats/tokenizer/vocab.js'
import { lexiconVocab, smallVocab, tokenizerOf } from './fixtures.js'
import { referenceEncode } from './reference.js'

/** Text of the kinds that tokenizers stumble on: any scalar value, words, runs of one character, spaces. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.lorem({ maxCount: 3 }),
      fc
        .tuple(fc.constantFrom(' ', '\u2581', '\n', 'a', 'e', '-', '\0', '🙂'), fc.nat(20))
        .map(([c, n]) => c.repeat(n)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''))

/** Words over two letters and spaces, where merges overlap and tie as often as possible. */
const fewLetters = fc.string({ unit: fc.constantFrom('a', 'b', ' '), maxLength: 40 })
const fewPieces = fc.array(
  fc.record({
    piece: fc.string({ unit: fc.constantFrom('a', 'b', spaceMark), minLength: 1, maxLength: 5 }),
    score: fc.integer({ min: -6, max: 0 }),
  }),
  { maxLength: 14 },
)

t.test('small vocabularies: the ids of the shortest correct algorithm', async () => {
  fc.assert(
    fc.property(fewPieces, fc.boolean(), fewLetters, (pieces, addSpacePrefix, text) => {
      const vocab = smallVocab(pieces, { addSpacePrefix })
      assert.deepEqual([...tokenizerOf(vocab).encode(text, false, true)], referenceEncode(vocab, text))
    }),
    { numRuns: 600 },
  )
})

for (const [name, vocab] of [
  ['Llama 2', await llama2Vocab()],
  ['Lexicon', lexiconVocab()],
] as const) {
  const tokenizer = tokenizerOf(vocab)

  t.test(`${name}: the ids of the shortest correct algorithm`, async () => {
    fc.assert(
      fc.property(anyText, (text) => {
        assert.deepEqual([...tokenizer.encode(text, false, true)], referenceEncode(vocab, text))
      }),
      { numRuns: 120 },
    )
  })

  t.test(`${name}: decoding restores any text`, async () => {
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, prefix) => {
        const ids = tokenizer.encode(text, false, prefix)
        assert.equal(tokenizer.decode(ids, false, prefix), text.replaceAll(spaceMark, ' '))
      }),
      { numRuns: 200 },
    )
  })
}
