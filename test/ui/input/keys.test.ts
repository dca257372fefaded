import fc from 'fast-check'
import t from 'tap'
import { type Key, KeyDecoder } from '../../../src/ui/input/keys.js'

const decode = (...chunks: readonly string[]): Key[] => {
  const decoder = new KeyDecoder()
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.flush()]
}
/** Keys in short: `ctrl+a`, `text:abc`, `alt+left`. */
const short = (...chunks: readonly string[]) =>
  decode(...chunks).map((key) =>
    [
      key.ctrl && 'ctrl',
      key.alt && 'alt',
      key.shift && 'shift',
      key.name === 'letter' ? key.text : key.text === '' ? key.name : `${key.name}:${key.text}`,
    ]
      .filter(Boolean)
      .join('+'),
  )

t.test('what terminals send for each key', async (t) => {
  const sent: Record<string, string[]> = {
    a: ['text:a'],
    'hello 日本 🙂': ['text:hello 日本 🙂'],
    '\r': ['enter'],
    '\n': ['newline'],
    '\t': ['tab'],
    '\x7f': ['backspace'],
    '\b': ['backspace'],
    '\x01': ['ctrl+a'],
    '\x03': ['ctrl+c'],
    '\x1a': ['ctrl+z'],
    '\x1b': ['escape'],
    '\x1b\x1b': ['escape', 'escape'],
    '\x1b\r': ['alt+enter'],
    '\x1b\x7f': ['alt+backspace'],
    '\x1bb': ['alt+b'],
    '\x1bB': ['alt+b'],
    '\x1b[A': ['up'],
    '\x1bOB': ['down'],
    '\x1b[C': ['right'],
    '\x1b[D': ['left'],
    '\x1b[1;5D': ['ctrl+left'],
    '\x1b[1;3C': ['alt+right'],
    '\x1b[1;6C': ['ctrl+shift+right'],
    '\x1b[H': ['home'],
    '\x1bOF': ['end'],
    '\x1b[1~': ['home'],
    '\x1b[4~': ['end'],
    '\x1b[7~': ['home'],
    '\x1b[3~': ['delete'],
    '\x1b[3;5~': ['ctrl+delete'],
    '\x1b[Z': ['shift+tab'],
    '\x1b[13;2u': ['shift+enter'],
    '\x1b[27;2;13~': ['shift+enter'],
    '\x1b[97;5u': ['ctrl+a'],
    '\x1b[233u': ['text:é'],
    '\x1b[99999999u': ['unknown'],
    '\x1b[15~': ['unknown'],
    '\x1b[200~a\rb\x1b[A\x1b[201~c': ['paste:a\rb\x1b[A', 'text:c'],
    'abc\rdef\x7f': ['text:abc', 'enter', 'text:def', 'backspace'],
  }
  for (const [bytes, keys] of Object.entries(sent)) t.strictSame(short(bytes), keys, JSON.stringify(bytes))
})

t.test('input may be cut anywhere', async (t) => {
  const bytes = 'ab\x1b[1;5Dc\x1b[200~x\x1b[20y\r\n\x1b[201~\x1b\r\x1bOHé'
  const whole = short(bytes)
  for (let cut = 1; cut < bytes.length; cut++) {
    t.strictSame(join(short(bytes.slice(0, cut), bytes.slice(cut))), join(whole), `cut at ${cut}`)
  }
  t.strictSame(join(short(...bytes)), join(whole), 'byte by byte')
})

/** Texts that follow one another are one. */
const join = (keys: readonly string[]) => keys.join(' ').replace(/(?<=text:\S*) text:/g, '')

t.test('whatever comes, nothing is lost in text and the decoder never sticks', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (chunks) => {
      const decoder = new KeyDecoder()
      for (const chunk of chunks) decoder.push(chunk)
      decoder.push('\x1b[201~')
      decoder.flush()
      const [key] = decoder.push('z')
      return key?.name === 'text' && key.text === 'z'
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const plain = text.replace(/\p{Cc}/gu, '')
      return (
        decode(plain)
          .map((key) => key.text)
          .join('') === plain
      )
    }),
  )
  t.pass('held for all')
})
