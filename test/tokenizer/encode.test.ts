import t from 'tap'
import { GgufStrings } from '../../src/formats/gguf/strings.js'
import { llama2Vocab } from '../../src/formats/tokenizer/llama2.js'
import { PieceType, type Vocab } from '../../src/formats/tokenizer/vocab.js'
import { loadNative } from '../../src/native/load.js'
import { lexiconVocab, piecesOf, smallVocab, tokenizerOf } from './fixtures.js'

const llama = await llama2Vocab()
const tokenizer = tokenizerOf(llama)

const pieces = (vocab: Vocab, text: string, { special = false, prefix = true } = {}): string[] =>
  piecesOf(vocab, tokenizerOf(vocab).encode(text, special, prefix))

t.test('merging', async (t) => {
  t.test('the best score first, the leftmost among equals', async (t) => {
    t.same(pieces(smallVocab(['a', 'b', 'c', 'ab', 'bc'], { addSpacePrefix: false }), 'abc'), ['ab', 'c'])
    t.same(pieces(smallVocab(['a', 'b', 'c', 'bc', 'ab'], { addSpacePrefix: false }), 'abc'), ['a', 'bc'])
    const tie = smallVocab(['a', 'b', 'c', { piece: 'bc', score: -3 }, { piece: 'ab', score: -3 }], {
      addSpacePrefix: false,
    })
    t.same(pieces(tie, 'abc'), ['ab', 'c'])
    t.same(pieces(smallVocab(['a', 'aa'], { addSpacePrefix: false }), 'aaaaa'), ['aa', 'aa', 'a'])
  })

  t.test('characters that are no pieces merge to pieces all the same', async (t) => {
    t.same(pieces(smallVocab(['xy', 'xyz'], { addSpacePrefix: false }), 'xyzx'), ['xyz', '<0x78>'])
  })

  t.test('unused pieces are taken apart again', async (t) => {
    const vocab = smallVocab(['a', 'b', 'c', { piece: 'ab', type: PieceType.unused }, 'abc'], {
      addSpacePrefix: false,
    })
    t.same(pieces(vocab, 'ab'), ['a', 'b'], 'unused alone')
    t.same(pieces(vocab, 'abc'), ['abc'], 'unused on the way to a piece that is used')
    const nested = smallVocab(
      [
        { piece: 'xy', type: PieceType.unused },
        { piece: 'xyz', type: PieceType.unused },
      ],
      { addSpacePrefix: false },
    )
    t.same(pieces(nested, 'xyz'), ['<0x78>', '<0x79>', '<0x7A>'])
  })

  t.test('pieces that span spaces', async (t) => {
    const vocab = smallVocab(['\u2581', 'a', 'b', '\u2581b', 'a\u2581b', 'a\u2581'], {
      addSpacePrefix: false,
    })
    t.same(pieces(vocab, 'a b'), ['a\u2581b'])
    t.same(pieces(vocab, 'a a b'), ['a\u2581', 'a\u2581b'])
  })

  t.test('equal pieces: the first id counts', async (t) => {
    const vocab = smallVocab(['a', 'b', 'ab', 'ab'], { bytes: false, addSpacePrefix: false })
    t.same([...tokenizerOf(vocab).encode('ab', false, true)], [5])
  })
})

t.test('characters outside the vocabulary', async (t) => {
  t.same(pieces(smallVocab(['a'], { addSpacePrefix: false }), 'aé'), ['a', '<0xC3>', '<0xA9>'])
  const noBytes = smallVocab(['\u2581', 'a'], { bytes: false })
  t.same(pieces(noBytes, 'éüa éa'), ['\u2581', '<unk>', 'a', '\u2581', '<unk>', 'a'], 'a run is one unk')
  t.same(
    [...tokenizerOf({ ...noBytes, unk: -1 }).encode('é', false, true)],
    [3],
    'nothing where there is no unk',
  )
})

t.test('user-defined pieces', async (t) => {
  const vocab = smallVocab(
    [
      'a',
      'b',
      '\u2581',
      '\u2581a',
      { piece: '<x>', type: PieceType.userDefined },
      { piece: '<x><y>', type: PieceType.userDefined },
      { piece: '  ', type: PieceType.userDefined },
    ],
    {},
  )
  t.same(pieces(vocab, 'a<x>b'), ['\u2581a', '<x>', 'b'], 'without special, and no space after them')
  t.same(pieces(vocab, '<x><y>a<x><y'), ['\u2581', '<x><y>', 'a', '<x>', '<0x3C>', '<0x79>'], 'the longest')
  t.same(pieces(vocab, 'b   b'), ['\u2581', 'b', '  ', '\u2581', 'b'], 'spaces match spaces')
})

t.test('control tokens', async (t) => {
  t.same(pieces(llama, '<s>Hi</s>', { special: true }), ['<s>', '\u2581Hi', '</s>'])
  t.same(pieces(llama, 'Hi</s>'), ['\u2581Hi', '</', 's', '>'], 'text unless asked for')
  t.same(pieces(llama, '<s>a</s>b', { special: true, prefix: false }), ['<s>', '\u2581a', '</s>', '\u2581b'])
  t.same(pieces(llama, 'a</s>b', { special: true, prefix: false }), ['a', '</s>', '\u2581b'])
  t.same(pieces(llama, '<unk>', { special: true }), ['<unk>'])
  t.same(pieces(llama, '<0x0A>', { special: true }), ['\u2581<', '0', 'x', '0', 'A', '>'], 'bytes never')
  const nested = smallVocab([{ piece: '</s>x', type: PieceType.control }, 'x'], { addSpacePrefix: false })
  t.same(pieces(nested, '</s>x</s>', { special: true }), ['</s>x', '</s>'], 'the longest')
})

t.test('the dummy space', async (t) => {
  t.same(pieces(llama, 'Hello'), ['\u2581Hello'])
  t.same(pieces(llama, 'Hello', { prefix: false }), ['Hello'])
  t.same(pieces({ ...llama, addSpacePrefix: false }, 'Hello'), ['Hello'])
  t.same(pieces(llama, ''), [], 'nothing before nothing')
})

t.test('NUL and text that is not Unicode', async (t) => {
  t.same([...tokenizer.encode('a\0b', false, false)], [29874, 3, 29890])
  const replaced = [...tokenizer.encode('a\ufffdb', false, true)]
  for (const surrogate of ['\ud800', '\udfff', '\udbff']) {
    t.same([...tokenizer.encode(`a${surrogate}b`, false, true)], replaced)
  }
  t.equal(tokenizer.decode(tokenizer.encode('\udc00\ud83d', false, true), false, true), '\ufffd\ufffd')
})

t.test('other vocabulary sizes', async (t) => {
  const lexicon = lexiconVocab()
  t.equal(tokenizerOf(lexicon).size, 4096)
  t.equal(tokenizer.size, 32000)
  t.same([...tokenizerOf(lexicon).encode('Hello, world!', false, true)], [1974, 4060, 1948, 4090])
})

t.test('pieceBytes', async (t) => {
  const bytes = (id: number) => Buffer.from(tokenizer.pieceBytes(id)).toString('latin1')
  t.equal(bytes(15043), ' Hello')
  t.equal(bytes(3 + 0xff), '\xff')
  t.equal(bytes(1), '', 'control')
  for (const id of [-1, 32000, 2 ** 31, Number.NaN]) t.equal(bytes(id), '', `id ${id}`)
})

t.test('1 MB of text', async (t) => {
  const sentence = 'The quick brown fox, naïve as ever, jumps over 42 lazy dogs; 日本語も少し。\n'
  const prose = sentence.repeat(Math.ceil(1e6 / Buffer.byteLength(sentence)))
  const texts = {
    prose,
    'no spaces': prose.replaceAll(' ', ''),
    'one letter': 'a'.repeat(1e6),
    spaces: ' '.repeat(1e6),
    emoji: '🙂'.repeat(250_000),
  }
  for (const [name, text] of Object.entries(texts)) {
    const ids = tokenizer.encode(text, false, true)
    t.equal(tokenizer.decode(ids, false, true), text, name)
  }
})

t.test('arguments that are no vocabulary or no text are errors', async (t) => {
  const vocab = smallVocab(['a'])
  const invalid = { code: 'INVALID' }
  const bad: [string, unknown][] = [
    ['nothing', undefined],
    ['pieces missing', { ...vocab, pieces: undefined }],
    ['pieces that are numbers', { ...vocab, pieces: [1, 2] }],
    ['no pieces', { ...vocab, pieces: [], scores: new Float32Array(), types: new Uint8Array() }],
    ['too few scores', { ...vocab, scores: new Float32Array(3) }],
    ['scores of another type', { ...vocab, scores: new Float64Array(vocab.pieces.length) }],
    ['an unknown type', { ...vocab, types: new Uint8Array(vocab.pieces.length).fill(9) }],
    ['bytes without their name', { ...vocab, types: new Uint8Array(vocab.pieces.length).fill(6) }],
    ['bos outside', { ...vocab, bos: vocab.pieces.length }],
    ['a piece of 2 KB', { ...vocab, pieces: vocab.pieces.with(0, 'x'.repeat(2000)) }],
  ]
  for (const [name, value] of bad) t.throws(() => tokenizerOf(value as Vocab), invalid, name)
  t.throws(() => tokenizer.encode(5 as unknown as string, false, false), invalid)
  t.throws(() => tokenizer.decode([1] as unknown as Int32Array, false, false), invalid)
  t.throws(() => tokenizer.encode.call({} as never, 'a', false, false), 'another object as this')
})

t.test('pieces as they lie in a GGUF file', async (t) => {
  const { Tokenizer } = loadNative()
  const strings = GgufStrings.from(llama.pieces)
  const encoded = new Tokenizer({ ...llama, pieces: strings })
  t.equal(encoded.size, llama.pieces.length)
  const text = 'Once upon a time, 海 and \u{1f30a}.'
  t.same(encoded.encode(text, false, true), tokenizer.encode(text, false, true))
  for (const id of [0, 3, 258, 259, 20000, llama.pieces.length - 1]) {
    t.equal(strings.at(id), llama.pieces[id])
    t.equal(strings.byteLength(id), Buffer.byteLength(llama.pieces[id] ?? ''))
    t.same(encoded.pieceBytes(id), tokenizer.pieceBytes(id))
  }
  t.equal(strings.at(llama.pieces.length), undefined)
  t.equal(strings.at(-1), undefined)

  const { encoded: bytes, length } = GgufStrings.from(['a', 'bc'])
  const damaged: [string, Uint8Array, number][] = [
    ['cut in a string', bytes.subarray(0, -1), length],
    ['cut in a length', bytes.subarray(0, 12), length],
    ['more than are there', bytes, length + 1],
    ['a length beyond the end', bytes.with(7, 255), length],
    ['a negative count', bytes, -1],
  ]
  for (const [name, encoded, length] of damaged) {
    const pieces = new GgufStrings(length, encoded)
    t.throws(() => new Tokenizer({ ...llama, pieces }), { code: 'INVALID' }, name)
  }
})
