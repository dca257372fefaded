import t from 'tap'
import { llama2Vocab } from '../../src/formats/tokenizer/llama2.js'
import { spaceMark } from '../../src/formats/tokenizer/vocab.js'
import { lexiconVocab, readVectors, tokenizerOf } from './fixtures.js'

const cases = [
  { name: 'Llama 2', file: 'tokenizer/llama.json', vocab: await llama2Vocab() },
  { name: 'Lexicon', file: 'lexicon/golden/tokenizer.json', vocab: lexiconVocab() },
]

for (const { name, file, vocab } of cases) {
  const tokenizer = tokenizerOf(vocab)
  const vectors = readVectors(file)

  t.test(`${name}: ids of SentencePiece`, async (t) => {
    t.ok(vectors.length > 300, 'all vectors are there')
    for (const { text, ids } of vectors) {
      t.same([vocab.bos, ...tokenizer.encode(text, false, true)], ids, JSON.stringify(text))
    }
  })

  t.test(`${name}: decoding restores the text`, async (t) => {
    for (const { text, ids } of vectors) {
      const restored = tokenizer.decode(Int32Array.from(ids), false, true)
      t.equal(restored, text.replaceAll(spaceMark, ' '), JSON.stringify(text))
    }
  })
}
