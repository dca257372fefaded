import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseSentencePieceModel } from '../../src/formats/tokenizer/sentencepiece-model.js'
import { PieceType, type Vocab } from '../../src/formats/tokenizer/vocab.js'
import type { NativeTokenizer } from '../../src/native/binding.js'
import { loadNative } from '../../src/native/load.js'

const golden = fileURLToPath(new URL('../golden/', import.meta.url))

export interface Vector {
  readonly text: string
  /** BOS first; special tokens not parsed. */
  readonly ids: readonly number[]
}

export const goldenPath = (name: string): string => golden + name

export const readVectors = (name: string): Vector[] =>
  JSON.parse(readFileSync(goldenPath(name), 'utf8')) as Vector[]

export const lexiconModel = (): Uint8Array => readFileSync(goldenPath('lexicon/tokenizer.model'))

export const lexiconVocab = (): Vocab => parseSentencePieceModel(lexiconModel(), 'tokenizer.model')

export const tokenizerOf = (vocab: Vocab): NativeTokenizer => {
  const { Tokenizer } = loadNative()
  return new Tokenizer(vocab)
}

/** A small vocabulary: `<unk> <s> </s>`, the bytes if asked for, then the pieces given, best score first. */
export function smallVocab(
  pieces: readonly (string | { piece: string; type?: number; score?: number })[],
  options: { bytes?: boolean; addSpacePrefix?: boolean } = {},
): Vocab {
  const { bytes = true, addSpacePrefix = true } = options
  const byteNames = Array.from({ length: bytes ? 256 : 0 }, (_, i) => `<0x${hex(i)}>`)
  const given = pieces.map((entry) => (typeof entry === 'string' ? { piece: entry } : entry))
  const special = [PieceType.unknown, PieceType.control, PieceType.control]
  return {
    pieces: ['<unk>', '<s>', '</s>', ...byteNames, ...given.map(({ piece }) => piece)],
    types: Uint8Array.from([
      ...special,
      ...byteNames.map(() => PieceType.byte),
      ...given.map(({ type }) => type ?? PieceType.normal),
    ]),
    scores: Float32Array.from([
      ...special.map(() => 0),
      ...byteNames.map(() => 0),
      ...given.map(({ score }, i) => score ?? -i),
    ]),
    bos: 1,
    eos: 2,
    unk: 0,
    addSpacePrefix,
    addBos: true,
    addEos: false,
  }
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')

/** The pieces of ids, for readable comparisons. */
export const piecesOf = (vocab: Vocab, ids: Iterable<number>): string[] =>
  Array.from(ids, (id) => vocab.pieces[id] ?? `#${id}`)
