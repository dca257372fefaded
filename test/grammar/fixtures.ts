import type { NativeGenerateOptions, NativeGrammar, NativeTokenizer } from '../../src/native/binding.js'
import { loadNative } from '../../src/native/load.js'
import { neutral } from '../sampler/fixtures.js'
import { smallVocab, tokenizerOf } from '../tokenizer/fixtures.js'

const { Grammar } = loadNative()

/** Bytes, and pieces that run over the ends of literals, rules and characters. */
export const pieces = [
  ...['ab', 'ba', 'aab', 'abc', 'bca', '{"', '":', '",', '"}', '{}', '[]', '[{', '}]', 'tr', 'true', 'null'],
  ...[
    '▁',
    '▁a',
    'aé',
    'é',
    'é€',
    '€',
    '😀a',
    ':▁',
    ',"',
    '"a',
    'a"',
    '00',
    '12',
    '.5',
    '\\n',
    '\\"',
    '-1',
    '}}',
  ],
]
export const vocab = smallVocab(pieces)
export const tokenizer: NativeTokenizer = tokenizerOf(vocab)
export const EOS = vocab.eos
export const vocabSize = vocab.pieces.length

export const compile = (gbnf: string, of = tokenizer): NativeGrammar => new Grammar(of, gbnf)

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

export const options = (given: Partial<NativeGenerateOptions> = {}): NativeGenerateOptions => ({
  sampling: neutral,
  maxTokens: 40,
  stopTokens: [EOS],
  stopStrings: [],
  special: false,
  grammar: undefined,
  ...given,
})

/** All tokens as likely as each other. */
export const flat = new Float32Array(vocabSize)

/** The bytes of tokens. */
export const spelled = (ids: Int32Array, of = tokenizer): Uint8Array =>
  Uint8Array.from([...ids].flatMap((id) => [...of.pieceBytes(id)]))

/** A text chosen under the grammar, as if the model found all tokens alike. */
export function draw(grammar: NativeGrammar, seed: number, maxTokens: number, of = tokenizer): Uint8Array {
  const logits = of === tokenizer ? flat : new Float32Array(of.size)
  return spelled(
    grammar.choose(logits, options({ maxTokens, sampling: { ...neutral, seed: BigInt(seed) } })),
    of,
  )
}
