import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { GgufMetadata } from '../../src/formats/gguf/metadata.js'
import { type GgufValue, gguf } from '../../src/formats/gguf/values.js'
import { vocabFromFolder } from '../../src/formats/tokenizer/from-folder.js'
import { ggufTokenizerMetadata, vocabFromGguf } from '../../src/formats/tokenizer/gguf-vocab.js'
import { parseTokenizerJson } from '../../src/formats/tokenizer/hf-json.js'
import { llama2Vocab } from '../../src/formats/tokenizer/llama2.js'
import { PieceType, padVocab, type Vocab } from '../../src/formats/tokenizer/vocab.js'
import { lexiconModel, lexiconVocab, readVectors, smallVocab, tokenizerOf } from './fixtures.js'
import { toTokenizerJson } from './hugging-face.js'

const lexicon = lexiconVocab()
const llama = await llama2Vocab()
const llamaJson = toTokenizerJson(llama)
const lexiconJson = toTokenizerJson(lexicon)
const refused = { code: 'E_TOKENIZER' }

/** The ids that a vocabulary gives for the golden texts. */
function goldenIds(vocab: Vocab, file = 'lexicon/golden/tokenizer.json') {
  const tokenizer = tokenizerOf(vocab)
  return readVectors(file).map(({ text, ids }) => ({
    text,
    ids,
    got: [vocab.bos, ...tokenizer.encode(text, false, true)],
  }))
}

t.test('tokenizer.model', async (t) => {
  t.equal(lexicon.pieces.length, 4096)
  t.same([lexicon.unk, lexicon.bos, lexicon.eos], [0, 1, 2])
  t.same(lexicon.pieces.slice(0, 4), ['<unk>', '<s>', '</s>', '<0x00>'])
  t.same(
    [...lexicon.types.slice(0, 4)],
    [PieceType.unknown, PieceType.control, PieceType.control, PieceType.byte],
  )
  t.equal(lexicon.scores[262], -3)
  t.equal(lexicon.addSpacePrefix, true)
})

t.test('tokenizer.json', async (t) => {
  t.test('the same ids as the model it was made from', async (t) => {
    for (const [vocab, json, file] of [
      [lexicon, lexiconJson, 'lexicon/golden/tokenizer.json'],
      [llama, llamaJson, 'tokenizer/llama.json'],
    ] as const) {
      const parsed = parseTokenizerJson(JSON.stringify(json), 'tokenizer.json')
      // node:assert, because tap's comparison takes seconds for so many
      assert.deepEqual(parsed.pieces, vocab.pieces)
      assert.deepEqual(parsed.types, vocab.types)
      t.same([parsed.bos, parsed.eos, parsed.unk], [1, 2, 0])
      t.same([parsed.addBos, parsed.addEos, parsed.addSpacePrefix], [true, false, true])
      for (const { text, ids, got } of goldenIds(parsed, file)) t.same(got, ids, JSON.stringify(text))
    }
  })

  const json = lexiconJson
  const parse = (change: object) =>
    parseTokenizerJson(JSON.stringify({ ...json, ...change }), 'tokenizer.json')
  const withModel = (change: object) => parse({ model: { ...json.model, ...change } })

  t.test('merges as pairs', async (t) => {
    const merges = json.model.merges.map((merge) => String(merge).split(' '))
    t.same(withModel({ merges }).scores, withModel({}).scores)
  })

  t.test('the Metaspace pre-tokenizer', async (t) => {
    const metaspace = (change: object) =>
      parse({
        normalizer: null,
        pre_tokenizer: {
          type: 'Metaspace',
          replacement: '\u2581',
          prepend_scheme: 'first',
          split: false,
          ...change,
        },
      })
    t.equal(metaspace({}).addSpacePrefix, true)
    t.equal(metaspace({ prepend_scheme: 'always' }).addSpacePrefix, true)
    t.equal(metaspace({ prepend_scheme: 'never' }).addSpacePrefix, false)
    t.equal(metaspace({ prepend_scheme: undefined, add_prefix_space: false }).addSpacePrefix, false)
    t.equal(
      metaspace({ split: true }).addSpacePrefix,
      true,
      'splitting is harmless where no piece spans a space',
    )
    const text = JSON.stringify({
      ...llamaJson, // has pieces of several spaces

      normalizer: null,
      pre_tokenizer: { type: 'Metaspace', split: true },
    })
    t.throws(() => parseTokenizerJson(text, 'tokenizer.json'), refused)
  })

  t.test('added tokens', async (t) => {
    const added = { id: 4096, content: '<|call|>', special: false }
    const vocab = parse({
      added_tokens: [...json.added_tokens, added, { ...added, id: 4097, content: '<e>', special: true }],
    })
    t.same([...vocab.types.slice(4096)], [PieceType.userDefined, PieceType.control])
    t.ok(tokenizerOf(vocab).encode('a<|call|>b', false, true).includes(4096))
    t.notOk(tokenizerOf(vocab).encode('a<e>b', false, true).includes(4097))
  })

  t.test('tokenizer_config.json', async (t) => {
    const text = JSON.stringify({ ...json, post_processor: null })
    const plain = parseTokenizerJson(text, 'tokenizer.json')
    t.same([plain.bos, plain.eos, plain.addBos, plain.addEos], [1, 2, false, false])
    const config = { bos_token: '</s>', eos_token: '<s>', add_bos_token: true, add_eos_token: true }
    const named = parseTokenizerJson(text, 'tokenizer.json', config)
    t.same([named.bos, named.eos, named.addBos, named.addEos], [2, 1, true, true])
  })

  t.test('what SentencePiece cannot do the same way is refused', async (t) => {
    const [first, second, ...rest] = json.model.merges
    const last = rest.length - 1
    const cases: Record<string, () => unknown> = {
      'another model': () => withModel({ type: 'Unigram' }),
      'byte-level BPE': () =>
        parse({ normalizer: null, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false } }),
      'no treatment of spaces': () => parse({ normalizer: null }),
      normalization: () => parse({ normalizer: { type: 'NFKC' } }),
      'marked words': () => withModel({ end_of_word_suffix: '</w>' }),
      'whole words first': () => withModel({ ignore_merges: true }),
      'a merge that is missing': () => withModel({ merges: [first, ...rest] }),
      'merges out of order': () =>
        withModel({ merges: [...rest.slice(0, last), second, first, rest[last], second] }),
      'a merge of unknown pieces': () => withModel({ merges: [...json.model.merges, 'zq qz'] }),
      'a merge of one piece': () => withModel({ merges: ['a'] }),
      'ids with a gap': () => withModel({ vocab: { ...json.model.vocab, extra: 5000 } }),
      'an id twice': () => withModel({ vocab: { ...json.model.vocab, extra: 300 } }),
      'no JSON': () => parseTokenizerJson('{', 'tokenizer.json'),
      'JSON of something else': () => parseTokenizerJson('[1]', 'tokenizer.json'),
    }
    for (const [name, parseBad] of Object.entries(cases)) t.throws(parseBad, refused, name)
  })
})

t.test('GGUF', async (t) => {
  const metadata = (entries: Iterable<readonly [string, GgufValue]>) =>
    new GgufMetadata('x.gguf', new Map(entries))
  const written = ggufTokenizerMetadata(lexicon)
  const without = (...keys: string[]) =>
    written.filter(([key]) => !keys.includes(key.replace('tokenizer.ggml.', '')))
  const changed = (key: string, value: GgufValue) =>
    metadata([...without(key), [`tokenizer.ggml.${key}`, value]])

  t.test('what is written is read back', async () => {
    for (const vocab of [
      lexicon,
      llama,
      { ...smallVocab(['a']), addSpacePrefix: false, addBos: false, addEos: true },
    ]) {
      assert.deepEqual(vocabFromGguf(metadata(ggufTokenizerMetadata(vocab))), vocab)
    }
  })

  t.test('absent keys mean what they mean to llama.cpp', async (t) => {
    const keys = [
      'bos_token_id',
      'eos_token_id',
      'unknown_token_id',
      'add_bos_token',
      'add_eos_token',
      'add_space_prefix',
    ]
    t.same(vocabFromGguf(metadata(without(...keys, 'token_type'))), lexicon)
  })

  t.test('values that mean none, and types that mean normal', async (t) => {
    t.equal(vocabFromGguf(changed('unknown_token_id', gguf.uint32(2 ** 32 - 1))).unk, -1)
    const types = Int32Array.from(lexicon.types, (type) => (type === PieceType.normal ? 0 : type))
    t.same(vocabFromGguf(changed('token_type', gguf.int32s(types))).types, lexicon.types)
  })

  t.test('refused', async (t) => {
    const bad: Record<string, GgufMetadata> = {
      'another kind': changed('model', gguf.string('gpt2')),
      'no tokenizer': metadata([]),
      'no tokens': metadata(without('tokens')),
      'no scores': metadata(without('scores')),
      'too few scores': changed('scores', gguf.float32s([1, 2])),
      'scores that are no numbers': changed('scores', gguf.float32s(new Float32Array(4096).fill(Number.NaN))),
      'too many types': changed('token_type', gguf.int32s(new Int32Array(5000).fill(1))),
      'an unknown type': changed('token_type', gguf.int32s(new Int32Array(4096).fill(257))),
      'a negative type': changed('token_type', gguf.int32s(new Int32Array(4096).fill(-1))),
      'bos outside': changed('bos_token_id', gguf.uint32(4096)),
    }
    for (const [name, value] of Object.entries(bad)) t.throws(() => vocabFromGguf(value), refused, name)
    t.throws(() => vocabFromGguf(changed('tokens', gguf.string('a'))), { code: 'E_FORMAT' })
  })
})

t.test('padding to the rows of an embedding', async (t) => {
  const padded = padVocab(llama, 32128)
  t.equal(tokenizerOf(padded).size, 32128)
  t.equal(padVocab(llama, 100), llama)
  for (const { ids, got, text } of goldenIds(padded, 'tokenizer/llama.json'))
    t.same(got, ids, JSON.stringify(text))
})

t.test('folders', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openelm-tokenizer-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  t.equal(await vocabFromFolder(folder), undefined, 'none')

  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(llamaJson))
  t.match(await vocabFromFolder(folder), { path: join(folder, 'tokenizer.json'), vocab: { addBos: true } })

  writeFileSync(join(folder, 'tokenizer.model'), lexiconModel())
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    '{"add_bos_token": false, "bos_token": {"content": "<s>"}}',
  )
  const found = await vocabFromFolder(folder)
  t.equal(found?.path, join(folder, 'tokenizer.model'), 'tokenizer.model comes first')
  t.same(found?.vocab, { ...lexicon, addBos: false })

  writeFileSync(join(folder, 'tokenizer_config.json'), '{"add_bos_token": "yes"}')
  await t.rejects(vocabFromFolder(folder), refused)
  await t.rejects(vocabFromFolder(join(folder, 'tokenizer.model')), { code: 'E_FILE_READ' })
})
