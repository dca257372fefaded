import assert from 'node:assert/strict'
import { Tokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import t from 'tap'
import { llama2Vocab } from '../../src/formats/tokenizer/llama2.js'
import { readVectors, tokenizerOf } from './fixtures.js'
import { toTokenizerJson } from './hugging-face.js'

const vocab = await llama2Vocab()
const tokenizer = tokenizerOf(vocab)
const peer = new Tokenizer(toTokenizerJson(vocab), {})
const theirs = (text: string): number[] => peer.encode(text, { add_special_tokens: false }).ids

/** Hugging Face finds special tokens in any text. */
const ours = (text: string): number[] => [...tokenizer.encode(text, true, true)]

const piece = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'grapheme-ascii' }),
  fc.lorem({ maxCount: 4 }),
  fc.constantFrom('<s>', '</s>', '<unk>', '<0x0A>', '\u2581', '\0', '\r\n', '\ufeff', '\ufffd', '🙂'),
  fc.tuple(fc.constantFrom(' ', 'a', '-', '=', '\n', '\t'), fc.nat(40)).map(([c, n]) => c.repeat(n)),
)
const text = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(''))

t.test('golden vectors: the peer is set up as it should be', async (t) => {
  for (const vector of readVectors('tokenizer/llama.json')) {
    if (/<s>|<\/s>|<unk>/.test(vector.text)) continue // there recorded as ordinary text
    t.same(theirs(vector.text), vector.ids.slice(1), JSON.stringify(vector.text))
  }
})

t.test('random Unicode and special tokens: the same ids', async () => {
  fc.assert(
    fc.property(text, (value) => {
      assert.deepEqual(ours(value), theirs(value))
    }),
    { numRuns: 300 },
  )
})

t.test('decoding: the same text', async () => {
  fc.assert(
    fc.property(text, (value) => {
      const ids = [...tokenizer.encode(value, false, true)]
      fc.pre(ids.length > 0) // the peer refuses to decode nothing
      const options = { skip_special_tokens: true, clean_up_tokenization_spaces: false }
      assert.equal(tokenizer.decode(Int32Array.from(ids), false, true), peer.decode(ids, options))
    }),
    { numRuns: 100 },
  )
})
