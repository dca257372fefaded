import { OpenElmError } from '../../errors.js'
import type { NativeVocab } from '../../native/binding.js'
import { GgufStrings } from '../gguf/strings.js'

/** SentencePiece's piece types, which GGUF's `tokenizer.ggml.token_type` shares. */
export const PieceType = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const

/** SentencePiece's visible space. */
export const spaceMark = '\u2581'

/** A SentencePiece BPE vocabulary and what its model expects around a text. Special ids are -1 where there is none. */
export interface Vocab extends NativeVocab {
  readonly pieces: readonly string[]
  /** Whether a text begins with BOS, ends with EOS. */
  readonly addBos: boolean
  readonly addEos: boolean
}

/** The same with its pieces as a GGUF file has them: to load one, not 32,000 strings need be made. */
export interface EncodedVocab extends Omit<Vocab, 'pieces'> {
  readonly pieces: GgufStrings
}

/** Bounds that the addon also insists on (native/model/tokenizer/vocab.h). */
export const limits = { pieces: 2 ** 22, pieceBytes: 1024 } as const

const bytePiece = /^<0x([0-9A-Fa-f]{2})>$/

/** Whether a piece stands for one byte, as in `<0x0A>`. */
export const isBytePiece = (piece: string): boolean => bytePiece.test(piece)

/** E_TOKENIZER for a file that holds no tokenizer this package can use; `why` is one sentence. */
export function tokenizerError(label: string, why: string, cause?: unknown): OpenElmError {
  return new OpenElmError('E_TOKENIZER', `${label} is not a usable tokenizer.`, {
    why,
    next: "Use the tokenizer that belongs to the checkpoint: OpenELM's is that of Llama 2 (SentencePiece BPE).",
    cause,
  })
}

/**
 * Returns the vocabulary if all of it makes sense.
 * @throws OpenElmError E_TOKENIZER naming the first piece or id that does not.
 */
export function checkVocab<T extends Vocab | EncodedVocab>(vocab: T, label: string): T {
  const { pieces, scores, types } = vocab
  const fail = (why: string) => tokenizerError(label, why)
  if (pieces.length === 0) throw fail('It has no pieces.')
  if (pieces.length > limits.pieces)
    throw fail(`It has ${pieces.length} pieces; the limit is ${limits.pieces}.`)
  if (scores.length !== pieces.length || types.length !== pieces.length) {
    throw fail(`It has ${pieces.length} pieces but ${scores.length} scores and ${types.length} types.`)
  }
  for (const [name, id] of Object.entries({ bos: vocab.bos, eos: vocab.eos, unk: vocab.unk })) {
    if (!Number.isInteger(id) || id < -1 || id >= pieces.length) {
      throw fail(`Its ${name} id is ${id}, outside its ${pieces.length} pieces.`)
    }
  }
  for (let id = 0; id < pieces.length; id++) {
    const type = types[id] as number
    if (type < PieceType.normal || type > PieceType.byte)
      throw fail(`Piece ${id} has the unknown type ${type}.`)
    if (type === PieceType.byte && !isBytePiece(pieces.at(id) ?? ''))
      throw fail(`Piece ${id} is a byte but not named <0x00>.`)
    if (pieceBytes(pieces, id) > limits.pieceBytes) {
      throw fail(`Piece ${id} is longer than ${limits.pieceBytes} bytes.`)
    }
    if (Number.isNaN(scores[id])) throw fail(`The score of piece ${id} is not a number.`)
  }
  return vocab
}

/** Bytes of one piece; for strings an upper bound where that is below the limit. */
function pieceBytes(pieces: readonly string[] | GgufStrings, id: number): number {
  if (pieces instanceof GgufStrings) return pieces.byteLength(id) ?? 0
  const piece = pieces[id] ?? ''
  return piece.length * 3 <= limits.pieceBytes ? piece.length * 3 : Buffer.byteLength(piece)
}

/** The vocabulary with unused pieces up to `size`: for checkpoints whose embedding has more rows than pieces. */
export function padVocab(vocab: Vocab, size: number): Vocab {
  const { length } = vocab.pieces
  if (size <= length) return vocab
  const padding = Array.from({ length: size - length }, (_, i) => `[PAD${length + i}]`)
  const scores = new Float32Array(size).fill((vocab.scores[length - 1] ?? 0) - 1, length)
  const types = new Uint8Array(size).fill(PieceType.unused, length)
  scores.set(vocab.scores)
  types.set(vocab.types)
  return { ...vocab, pieces: [...vocab.pieces, ...padding], scores, types }
}
