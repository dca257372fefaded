import { PieceType, type Vocab } from './vocab.js'

const firstByte = 3
const firstNormal = 259

/**
 * The vocabulary of Llama 2, which OpenELM was trained with and whose files are not in its checkpoints.
 * The pieces come from the package llama-tokenizer-js, loaded here and nowhere else: only converting needs it.
 * Types and scores follow from the ids (SentencePiece numbers BPE pieces in the order in which it learnt them).
 */
export async function llama2Vocab(): Promise<Vocab> {
  const { default: tokenizer } = await import('llama-tokenizer-js')
  const pieces = tokenizer.vocabById
  return {
    pieces,
    scores: Float32Array.from(pieces, (_, id) => Math.min(0, firstNormal - id)),
    types: Uint8Array.from(pieces, (_, id) => typeOf(id)),
    bos: 1,
    eos: 2,
    unk: 0,
    addSpacePrefix: true,
    addBos: true,
    addEos: false,
  }
}

function typeOf(id: number): number {
  if (id === 0) return PieceType.unknown
  if (id < firstByte) return PieceType.control
  return id < firstNormal ? PieceType.byte : PieceType.normal
}
