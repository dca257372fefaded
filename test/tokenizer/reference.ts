import { PieceType, spaceMark, type Vocab } from '../../src/formats/tokenizer/vocab.js'

/**
 * SentencePiece's BPE in its shortest form, quadratic: merge the neighbours whose concatenation is the piece with the
 * best score, leftmost first, until none is left. For vocabularies of normal and byte pieces.
 */
export function referenceEncode(vocab: Vocab, text: string): number[] {
  if (text === '') return []
  const ids = new Map<string, number>()
  vocab.pieces.forEach((piece, id) => {
    if (vocab.types[id] === PieceType.normal && !ids.has(piece)) ids.set(piece, id)
  })
  const symbols = [...((vocab.addSpacePrefix ? ' ' : '') + text)].map((c) => (c === ' ' ? spaceMark : c))
  for (;;) {
    let best = -1
    let bestScore = Number.NEGATIVE_INFINITY
    for (let i = 0; i + 1 < symbols.length; i++) {
      const id = ids.get(`${symbols[i]}${symbols[i + 1]}`)
      if (id === undefined || (best >= 0 && (vocab.scores[id] as number) <= bestScore)) continue
      best = i
      bestScore = vocab.scores[id] as number
    }
    if (best < 0) break
    symbols.splice(best, 2, `${symbols[best]}${symbols[best + 1]}`)
  }
  return symbols.flatMap((symbol) => {
    const id = ids.get(symbol)
    return id === undefined ? [...Buffer.from(symbol)].map((byte) => 3 + byte) : [id]
  })
}
