import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { OpenElmError } from '../../src/errors.js'
import { parseTokenizerJson } from '../../src/formats/tokenizer/hf-json.js'
import { parseSentencePieceModel } from '../../src/formats/tokenizer/sentencepiece-model.js'
import type { Vocab } from '../../src/formats/tokenizer/vocab.js'
import { lexiconModel, smallVocab, tokenizerOf } from './fixtures.js'
import { toTokenizerJson } from './hugging-face.js'

/** Either the parser refuses with E_TOKENIZER, or the addon takes what it made and works with it. */
function mustSurvive(parse: () => Vocab): 'used' | 'refused' {
  let vocab: Vocab
  try {
    vocab = parse()
  } catch (error) {
    assert.ok(error instanceof OpenElmError && error.code === 'E_TOKENIZER', String(error))
    return 'refused'
  }
  const tokenizer = tokenizerOf(vocab)
  const ids = tokenizer.encode('Hello, <s> naïve 🙂 world\0 ocean', true, true)
  assert.ok(ids.every((id) => id >= 0 && id < tokenizer.size))
  assert.equal(typeof tokenizer.decode(ids, true, true), 'string')
  return 'used'
}

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
const bytesField = (field: number, bytes: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(bytes.length),
  ...bytes,
]
const text = (value: string): number[] => [...Buffer.from(value)]

/** A model of few pieces: its header is a large part of it, so that mutations hit it. */
const smallModel = (): Uint8Array => {
  const piece = (name: string, type: number, score: number) =>
    bytesField(1, [
      ...bytesField(1, text(name)),
      0x15,
      ...Buffer.from(Float32Array.of(score).buffer),
      0x18,
      type,
    ])
  return Uint8Array.from([
    ...piece('<unk>', 2, 0),
    ...piece('<s>', 3, 0),
    ...piece('</s>', 3, 0),
    ...piece('\u2581', 1, -1),
    ...piece('l', 1, -2),
    ...piece('ll', 1, -3),
    ...piece('ox', 4, -3),
    ...bytesField(2, [0x18, 2, 0xc8, 0x02, 1, 0xd0, 0x02, 2]),
    ...bytesField(3, [...bytesField(1, text('identity')), 0x18, 1, 0x20, 0, 0x28, 1]),
  ])
}

const mutation = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }), kind: fc.nat(3) })

function mutate(
  bytes: Uint8Array,
  changes: readonly { at: number; value: number; kind: number }[],
): Uint8Array {
  let result = [...bytes]
  for (const { at, value, kind } of changes) {
    const i = at % (result.length + 1)
    if (kind === 0) result[i] = value
    else if (kind === 1) result.splice(i, value % 9)
    else if (kind === 2) result.splice(i, 0, value, value ^ 0x80)
    else result = result.slice(0, i)
  }
  return Uint8Array.from(result)
}

t.test('the small model itself is fine', async (t) => {
  t.equal(
    mustSurvive(() => parseSentencePieceModel(smallModel(), 'tokenizer.model')),
    'used',
  )
})

t.test('mutated tokenizer.model', async (t) => {
  const outcomes = { used: 0, refused: 0 }
  const model = smallModel()
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (changes) => {
      outcomes[mustSurvive(() => parseSentencePieceModel(mutate(model, changes), 'tokenizer.model'))]++
    }),
    { numRuns: 4000 },
  )
  t.ok(outcomes.used > 100 && outcomes.refused > 100, 'mutations both pass and fail')
})

t.test('every truncation of tokenizer.model', async (t) => {
  const model = smallModel()
  for (let length = 0; length < model.length; length++) {
    mustSurvive(() => parseSentencePieceModel(model.subarray(0, length), 'tokenizer.model'))
  }
  const real = lexiconModel()
  for (let length = 0; length < real.length - 1; length += 997) {
    t.throws(() => parseSentencePieceModel(real.subarray(0, length), 'tokenizer.model'), {
      code: 'E_TOKENIZER',
    })
  }
})

t.test('random bytes', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      mustSurvive(() => parseSentencePieceModel(bytes, 'tokenizer.model'))
      mustSurvive(() => parseTokenizerJson(Buffer.from(bytes).toString('latin1'), 'tokenizer.json'))
    }),
    { numRuns: 2000 },
  )
})

t.test('lies in tokenizer.model', async (t) => {
  const trainer = (...bytes: number[]) => [...smallModel(), ...bytesField(2, bytes)]
  const normalizer = (...bytes: number[]) => [...smallModel(), ...bytesField(3, bytes)]
  const piece = (...bytes: number[]) => [...bytesField(1, bytes), ...smallModel()]
  const cases: Record<string, number[]> = {
    empty: [],
    'a unigram model': trainer(0x18, 1),
    'bytes without their pieces': trainer(0x98, 0x02, 1),
    'spaces after words': trainer(0xc0, 0x01, 1),
    'a character map': normalizer(...bytesField(2, [1, 2, 3])),
    'spaces removed': normalizer(0x20, 1),
    'spaces not marked': normalizer(0x28, 0),
    'a length beyond the end': [...smallModel(), 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
    'a length of 2^64 - 1': [...smallModel(), 0x0a, ...Array<number>(9).fill(0xff), 1],
    'a number without end': [...smallModel(), 0x08, ...Array<number>(11).fill(0x80)],
    'a piece that is not UTF-8': piece(...bytesField(1, [0xc3])),
    'a piece of 2 KB': piece(...bytesField(1, text('x'.repeat(2000)))),
    'an empty piece': piece(0x18, 1),
    'a piece of type 9': piece(...bytesField(1, text('x')), 0x18, 9),
    'a score that is no number': piece(...bytesField(1, text('x')), 0x15, 0, 0, 0xc0, 0x7f),
    'a score of another type': piece(...bytesField(1, text('x')), 0x10, 1),
    'a group': [...smallModel(), 0x0b],
    'field 0': [...smallModel(), 0x02, 0],
  }
  for (const [name, bytes] of Object.entries(cases)) {
    t.throws(
      () => parseSentencePieceModel(Uint8Array.from(bytes), 'tokenizer.model'),
      { code: 'E_TOKENIZER' },
      name,
    )
  }
})

t.test('mutated tokenizer.json', async (t) => {
  const json = Buffer.from(
    JSON.stringify(toTokenizerJson(smallVocab(['\u2581', 'l', 'o', 'll', 'lo', 'llo']))),
  )
  const outcomes = { used: 0, refused: 0 }
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 2 }), (changes) => {
      outcomes[
        mustSurvive(() =>
          parseTokenizerJson(Buffer.from(mutate(json, changes)).toString('utf8'), 'tokenizer.json'),
        )
      ]++
    }),
    { numRuns: 1000 },
  )
  t.ok(outcomes.used > 5 && outcomes.refused > 100, 'mutations both pass and fail')
})

t.test('a vocabulary made to be slow', async (t) => {
  const runs = Array.from({ length: 1000 }, (_, i) => 'a'.repeat(i + 1))
  const tokenizer = tokenizerOf(smallVocab(runs, { addSpacePrefix: false }))
  const value = 'a'.repeat(100_000)
  t.equal(tokenizer.decode(tokenizer.encode(value, false, true), false, true), value)
})
