import { ProtoReader } from './proto-reader.js'
import { checkVocab, limits, PieceType, tokenizerError, type Vocab } from './vocab.js'

/** TrainerSpec.ModelType of sentencepiece_model.proto. */
const modelTypes: Readonly<Record<number, string>> = { 1: 'unigram', 2: 'BPE', 3: 'word', 4: 'char' }
const bpe = 2

interface Piece {
  piece: string
  score: number
  type: number
}

/** What is read of TrainerSpec and NormalizerSpec, with the defaults of the message definition. */
const trainerDefaults = { modelType: 1, byteFallback: false, spaceAsSuffix: false, bos: 1, eos: 2 }
const normalizerDefaults = {
  charsMap: false,
  addDummyPrefix: true,
  removeExtraSpaces: true,
  escapeSpaces: true,
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The vocabulary of a SentencePiece `tokenizer.model` (message ModelProto of sentencepiece_model.proto).
 * Models that normalize text or treat spaces in other ways than Llama's are refused rather than tokenized wrongly.
 * @throws OpenElmError E_TOKENIZER
 */
export function parseSentencePieceModel(bytes: Uint8Array, label: string): Vocab {
  const fail = (why: string, cause?: unknown) => tokenizerError(label, why, cause)
  const pieces: Piece[] = []
  let trainer = trainerDefaults
  let normalizer = normalizerDefaults
  const reader = new ProtoReader(bytes, fail)
  for (let field = reader.field(); field !== undefined; field = reader.field()) {
    if (field === 1) pieces.push(readPiece(reader.message(), pieces.length, fail))
    else if (field === 2) trainer = readTrainer(reader.message(), trainer)
    else if (field === 3) normalizer = readNormalizer(reader.message(), normalizer)
    else reader.skip()
    if (pieces.length > limits.pieces) throw fail(`It has more than ${limits.pieces} pieces.`)
  }
  if (trainer.modelType !== bpe) {
    throw fail(`Its type is ${modelTypes[trainer.modelType] ?? trainer.modelType}; only BPE is supported.`)
  }
  if (normalizer.charsMap) throw fail('It normalizes Unicode, which is not supported.')
  if (normalizer.removeExtraSpaces) throw fail('It removes repeated spaces, which is not supported.')
  if (!normalizer.escapeSpaces || trainer.spaceAsSuffix) {
    throw fail('It does not mark spaces before words, which is not supported.')
  }
  checkByteFallback(pieces, trainer.byteFallback, fail)
  const ofType = (id: number, type: number) => (pieces[id]?.type === type ? id : -1)
  return checkVocab(
    {
      pieces: pieces.map(({ piece }) => piece),
      scores: Float32Array.from(pieces, ({ score }) => score),
      types: Uint8Array.from(pieces, ({ type }) => type),
      bos: ofType(trainer.bos, PieceType.control),
      eos: ofType(trainer.eos, PieceType.control),
      unk: pieces.findIndex(({ type }) => type === PieceType.unknown),
      addSpacePrefix: normalizer.addDummyPrefix,
      addBos: true,
      addEos: false,
    },
    label,
  )
}

function readPiece(reader: ProtoReader, id: number, fail: (why: string, cause?: unknown) => Error): Piece {
  const piece: Piece = { piece: '', score: 0, type: PieceType.normal }
  for (let field = reader.field(); field !== undefined; field = reader.field()) {
    if (field === 1) {
      const bytes = reader.bytes()
      try {
        piece.piece = utf8.decode(bytes)
      } catch (error) {
        throw fail(`Piece ${id} is not valid UTF-8.`, error)
      }
    } else if (field === 2) piece.score = reader.float()
    else if (field === 3) piece.type = reader.int32()
    else reader.skip()
  }
  if (piece.type < PieceType.normal || piece.type > PieceType.byte) {
    throw fail(`Piece ${id} has the unknown type ${piece.type}.`)
  }
  if (piece.piece === '') throw fail(`Piece ${id} is empty.`)
  return piece
}

function readTrainer(reader: ProtoReader, before: typeof trainerDefaults): typeof trainerDefaults {
  const spec = { ...before }
  for (let field = reader.field(); field !== undefined; field = reader.field()) {
    if (field === 3) spec.modelType = reader.int32()
    else if (field === 24) spec.spaceAsSuffix = reader.bool()
    else if (field === 35) spec.byteFallback = reader.bool()
    else if (field === 41) spec.bos = reader.int32()
    else if (field === 42) spec.eos = reader.int32()
    else reader.skip()
  }
  return spec
}

function readNormalizer(reader: ProtoReader, before: typeof normalizerDefaults): typeof normalizerDefaults {
  const spec = { ...before }
  for (let field = reader.field(); field !== undefined; field = reader.field()) {
    if (field === 2) spec.charsMap = reader.bytes().length > 0
    else if (field === 3) spec.addDummyPrefix = reader.bool()
    else if (field === 4) spec.removeExtraSpaces = reader.bool()
    else if (field === 5) spec.escapeSpaces = reader.bool()
    else reader.skip()
  }
  return spec
}

/** SentencePiece insists on both: byte pieces only with the flag, and with it all 256. */
function checkByteFallback(pieces: readonly Piece[], flag: boolean, fail: (why: string) => Error): void {
  const bytes = new Set(pieces.filter(({ type }) => type === PieceType.byte).map(({ piece }) => piece))
  if (!flag && bytes.size > 0) throw fail('It has byte pieces but does not use them.')
  if (flag && bytes.size !== 256) throw fail(`It has ${bytes.size} of the 256 byte pieces.`)
}
