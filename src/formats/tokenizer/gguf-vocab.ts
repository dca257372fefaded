import type { GgufMetadata } from '../gguf/metadata.js'
import type { GgufStrings } from '../gguf/strings.js'
import { type GgufValue, gguf } from '../gguf/values.js'
import { checkVocab, type EncodedVocab, isBytePiece, PieceType, tokenizerError, type Vocab } from './vocab.js'

/** Keys of the GGUF specification, section "Tokenizer". */
const keys = {
  model: 'tokenizer.ggml.model',
  pre: 'tokenizer.ggml.pre',
  tokens: 'tokenizer.ggml.tokens',
  scores: 'tokenizer.ggml.scores',
  types: 'tokenizer.ggml.token_type',
  bos: 'tokenizer.ggml.bos_token_id',
  eos: 'tokenizer.ggml.eos_token_id',
  unk: 'tokenizer.ggml.unknown_token_id',
  addBos: 'tokenizer.ggml.add_bos_token',
  addEos: 'tokenizer.ggml.add_eos_token',
  addSpacePrefix: 'tokenizer.ggml.add_space_prefix',
} as const

/** What llama.cpp calls a SentencePiece BPE vocabulary. */
const sentencePiece = 'llama'

/** The vocabulary in a GGUF file with its pieces as strings. @throws as encodedVocabFromGguf */
export function vocabFromGguf(metadata: GgufMetadata): Vocab {
  const vocab = encodedVocabFromGguf(metadata)
  return { ...vocab, pieces: vocab.pieces.toArray() }
}

/**
 * The vocabulary in a GGUF file. Absent keys have the meaning llama.cpp gives them for this kind of tokenizer.
 * @throws OpenElmError E_TOKENIZER; E_FORMAT for values of a wrong type
 */
export function encodedVocabFromGguf(metadata: GgufMetadata): EncodedVocab {
  const { label } = metadata
  const model = metadata.string(keys.model)
  if (model !== sentencePiece) {
    const why =
      model === undefined ? 'It has none.' : `Its kind is "${model}"; "${sentencePiece}" is supported.`
    throw tokenizerError(`The tokenizer of ${label}`, why)
  }
  const pieces = metadata.encodedStrings(keys.tokens)
  const scores = metadata.numbers(keys.scores)
  if (!pieces || !scores) {
    throw tokenizerError(`The tokenizer of ${label}`, `"${pieces ? keys.scores : keys.tokens}" is missing.`)
  }
  const id = (key: string, usual: number) =>
    metadata.has(key) ? specialId(metadata, key, pieces.length) : usual < pieces.length ? usual : -1
  const ids = { bos: id(keys.bos, 1), eos: id(keys.eos, 2), unk: id(keys.unk, 0) }
  return checkVocab(
    {
      pieces,
      scores: scores instanceof Float32Array ? scores : Float32Array.from(scores),
      types: readTypes(metadata, pieces, ids),
      ...ids,
      addSpacePrefix: metadata.bool(keys.addSpacePrefix) ?? true,
      addBos: metadata.bool(keys.addBos) ?? true,
      addEos: metadata.bool(keys.addEos) ?? false,
    },
    `The tokenizer of ${label}`,
  )
}

/** Writers mark "none" as -1 or as 2^32 - 1. */
function specialId(metadata: GgufMetadata, key: string, size: number): number {
  const id = metadata.number(key) as number
  if (id === -1 || id === 2 ** 32 - 1) return -1
  if (Number.isInteger(id) && id >= 0 && id < size) return id
  throw tokenizerError(`The tokenizer of ${metadata.label}`, `"${key}" is ${id}; there are ${size} tokens.`)
}

function readTypes(
  metadata: GgufMetadata,
  pieces: GgufStrings,
  ids: { bos: number; eos: number; unk: number },
): Uint8Array {
  const types = metadata.numbers(keys.types)
  if (!types) {
    return Uint8Array.from(pieces.toArray(), (piece, id) => {
      if (id === ids.unk) return PieceType.unknown
      if (id === ids.bos || id === ids.eos) return PieceType.control
      return isBytePiece(piece) ? PieceType.byte : PieceType.normal
    })
  }
  const invalid = 255 // whatever does not fit a byte, so that it is reported
  const read = new Uint8Array(types.length)
  for (let id = 0; id < read.length; id++) {
    const type = types[id] as number
    if (type === 0)
      read[id] = PieceType.normal // "undefined"
    else read[id] = type >= 0 && type < invalid ? type : invalid
  }
  return read
}

/**
 * The metadata that makes a GGUF file carry this vocabulary, for any program that reads GGUF.
 * Ids of -1 are left out.
 */
export function ggufTokenizerMetadata(vocab: Vocab): (readonly [string, GgufValue])[] {
  const ids = [
    [keys.bos, vocab.bos],
    [keys.eos, vocab.eos],
    [keys.unk, vocab.unk],
  ] as const
  return [
    [keys.model, gguf.string(sentencePiece)],
    [keys.pre, gguf.string('default')],
    [keys.tokens, gguf.strings(vocab.pieces)],
    [keys.scores, gguf.float32s(vocab.scores)],
    [keys.types, gguf.int32s(vocab.types)],
    ...ids.filter(([, id]) => id >= 0).map(([key, id]) => [key, gguf.uint32(id)] as const),
    [keys.addBos, gguf.bool(vocab.addBos)],
    [keys.addEos, gguf.bool(vocab.addEos)],
    [keys.addSpacePrefix, gguf.bool(vocab.addSpacePrefix)],
  ]
}
