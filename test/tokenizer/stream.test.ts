import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { llama2Vocab } from '../../src/formats/tokenizer/llama2.js'
import type { NativeTokenizer } from '../../src/native/binding.js'
import { loadNative } from '../../src/native/load.js'
import { readVectors, smallVocab, tokenizerOf } from './fixtures.js'

const { TextStream } = loadNative()
const llama = tokenizerOf(await llama2Vocab())
/** Every character is a token, so that any split of a text can be made. */
const bytes = tokenizerOf(smallVocab([], { addSpacePrefix: false }))
const byteIds = (data: Uint8Array): number[] => [...data].map((byte) => 3 + byte)

/** Whether a string has no half of a surrogate pair. */
const isWhole = (text: string): boolean => !/\p{Surrogate}/u.test(text)

interface Options {
  readonly special?: boolean
  readonly strip?: boolean
  readonly stops?: readonly string[]
}

/** What a stream emits for each id and at the end. */
function streamed(tokenizer: NativeTokenizer, ids: Iterable<number>, options: Options = {}) {
  const { special = false, strip = false, stops = [] } = options
  const stream = new TextStream(tokenizer, special, strip, stops)
  const parts = Array.from(ids, (id) => stream.push(id))
  const end = stream.flush()
  return { parts, end, text: parts.join('') + end, stop: stream.stopString }
}

t.test('golden texts token by token', async (t) => {
  for (const { text, ids } of readVectors('tokenizer/llama.json')) {
    const { parts, text: whole } = streamed(llama, ids, { strip: true })
    t.equal(whole, text.replaceAll('\u2581', ' '), JSON.stringify(text))
    t.ok(parts.every((part) => isWhole(part) && !part.includes('\ufffd')) || text.includes('\ufffd'))
  }
})

t.test('a character appears with its last byte', async (t) => {
  const { parts, end } = streamed(bytes, byteIds(Buffer.from('é🙂')))
  t.same(parts, ['', 'é', '', '', '', '🙂'])
  t.equal(end, '')
})

t.test('bytes that are not UTF-8', async (t) => {
  const cases: [string, number[], string[], string][] = [
    ['incomplete at the end', [0xf0, 0x9f], ['', ''], '\ufffd'],
    ['a character breaks off another', [0xe2, 0x82, 0x41], ['', '', '\ufffdA'], ''],
    ['a lead byte breaks off another', [0xe2, 0xc3, 0xa9], ['', '\ufffd', 'é'], ''],
    ['never valid', [0xff, 0xc0, 0xf5, 0x80], ['\ufffd', '\ufffd', '\ufffd', '\ufffd'], ''],
    ['overlong', [0xe0, 0x80, 0x80], ['', '\ufffd\ufffd', '\ufffd'], ''],
    ['a surrogate', [0xed, 0xa0, 0x80], ['', '\ufffd\ufffd', '\ufffd'], ''],
    ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], ['', '\ufffd\ufffd', '\ufffd', '\ufffd'], ''],
  ]
  for (const [name, data, parts, end] of cases) {
    const result = streamed(bytes, byteIds(Uint8Array.from(data)))
    t.same([result.parts, result.end], [parts, end], name)
  }
})

t.test('any bytes decode as TextDecoder decodes them', async () => {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const lead = fc.constantFrom(0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0x80, 0x90, 0x9f, 0xa0, 0xbf, 0x41)
  const data = fc.array(fc.oneof(lead, fc.integer({ min: 0, max: 255 })), { maxLength: 24 })
  fc.assert(
    fc.property(data, (values) => {
      const { parts, text } = streamed(bytes, byteIds(Uint8Array.from(values)))
      assert.equal(text, decoder.decode(Uint8Array.from(values)))
      assert.ok(parts.every(isWhole))
      assert.equal(bytes.decode(Int32Array.from(byteIds(Uint8Array.from(values))), false, false), text)
    }),
    { numRuns: 3000 },
  )
})

t.test('the dummy space', async (t) => {
  const ids = [1, ...llama.encode('Hello', false, true)]
  t.equal(streamed(llama, ids, { strip: true }).text, 'Hello')
  t.equal(streamed(llama, ids, { strip: false }).text, ' Hello')
  t.equal(streamed(llama, [3 + 32, 15043], { strip: true }).text, '  Hello', 'a space that is a byte is text')
  t.equal(streamed(llama, [15043, 15043], { strip: true }).text, 'Hello Hello', 'once')
})

t.test('control tokens', async (t) => {
  const ids = [1, 15043, 2, 0]
  t.equal(streamed(llama, ids).text, ' Hello')
  t.equal(streamed(llama, ids, { special: true }).text, '<s> Hello</s><unk>')
  t.equal(streamed(llama, [-1, 32000, 2 ** 40]).text, '', 'ids outside the vocabulary are nothing')
})

t.test('stop strings', async (t) => {
  const run = (text: string, stops: string[]) => {
    const { parts, text: shown, stop } = streamed(bytes, byteIds(Buffer.from(text)), { stops })
    return [shown, stop, parts.filter((part) => part !== '').length]
  }
  t.same(run('one STOP two', ['STOP']), ['one ', 'STOP', 4])
  t.same(run('one STO', ['STOP']), ['one STO', null, 4], 'a beginning that does not end is shown at the end')
  t.same(run('aaab', ['aab']), ['a', 'aab', 1], 'overlapping beginnings')
  t.same(run('ababac', ['abac']), ['ab', 'abac', 1])
  t.same(run('abcd', ['bc', 'abcd']), ['a', 'bc', 1], 'the one that is complete first')
  t.same(run('xabc', ['c', 'abc', 'bc']), ['x', 'abc', 1], 'the longest of those complete together')
  t.same(run('naïve é', ['ï']), ['na', 'ï', 2], 'several bytes')
  t.same(run('anything', ['']), ['anything', null, 8], 'empty strings never match')
})

t.test('stop strings: the same for every split into tokens', async () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🙂'), maxLength: 24 })
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🙂'), minLength: 1, maxLength: 4 })
  const joined = smallVocab(['a', 'b', 'aa', 'ab', 'ba', 'bab', 'éa', 'é', '🙂'], { addSpacePrefix: false })
  const pieces = tokenizerOf(joined)
  fc.assert(
    fc.property(letters, fc.array(stop, { minLength: 1, maxLength: 3 }), (text, stops) => {
      const ends = stops.flatMap((s) => (text.includes(s) ? [text.indexOf(s) + s.length] : []))
      const end = Math.min(...ends)
      const found = stops.filter((s) => text.slice(0, end).endsWith(s)).sort((a, b) => b.length - a.length)[0]
      const shown = found === undefined ? text : text.slice(0, end - found.length)
      for (const tokenizer of [bytes, pieces]) {
        const result = streamed(tokenizer, tokenizer.encode(text, false, false), { stops })
        assert.deepEqual([result.text, result.stop], [shown, found ?? null])
      }
    }),
    { numRuns: 2000 },
  )
})

t.test('arguments', async (t) => {
  t.throws(() => new TextStream({} as NativeTokenizer, false, false, []), { code: 'INVALID' })
  t.throws(() => new TextStream(llama, false, false, [5 as unknown as string]), { code: 'INVALID' })
  t.throws(() => new TextStream(llama, false, false, 'x' as unknown as string[]), { code: 'INVALID' })
})
