import type { TokenizerJson } from './hf-schema.js'
import { PieceType } from './vocab.js'

/**
 * Scores with which SentencePiece's algorithm does what a list of merges says.
 *
 * Hugging Face merges the pair that comes first in its list; SentencePiece any pair whose concatenation is a piece,
 * the best score first. The two agree when the list was made from a SentencePiece model: it then has every way of
 * splitting a piece, and the merges that make one piece stand together. Each piece's score is minus the first place
 * of its merges. Any other list would silently give other ids, so it is refused.
 * @param types of the pieces; only normal ones are merged
 * @throws what `fail` makes of one sentence
 */
export function scoresFromMerges(
  merges: TokenizerJson['model']['merges'],
  pieces: readonly string[],
  types: Uint8Array,
  fail: (why: string) => Error,
): Float32Array {
  const ids = new Map(pieces.map((piece, id) => [piece, id]))
  const first = new Map<number, number>()
  const last = new Map<number, number>()
  const splits = new Set<string>()
  merges.forEach((merge, rank) => {
    const [left, right] = splitMerge(merge, rank, fail)
    const id = ids.get(left + right)
    if (id === undefined || !ids.has(left) || !ids.has(right)) {
      throw fail(`Merge ${rank} ("${left}" with "${right}") is not of pieces in its vocabulary.`)
    }
    if (types[id] !== PieceType.normal) return
    splits.add(`${left} ${right}`)
    if (!first.has(id)) first.set(id, rank)
    last.set(id, rank)
  })
  checkOrder(first, last, pieces, fail)
  checkComplete(ids, types, splits, fail)
  return Float32Array.from(
    pieces,
    (_, id) => -(first.get(id) ?? (types[id] === PieceType.normal ? merges.length : 0)),
  )
}

/** A merge is `"left right"`, or a pair in files written since 2024. */
function splitMerge(
  merge: string | [string, string],
  rank: number,
  fail: (why: string) => Error,
): readonly [string, string] {
  if (typeof merge !== 'string') return merge
  const [left, right, ...more] = merge.split(' ')
  if (!left || !right || more.length > 0) throw fail(`Merge ${rank} ("${merge}") is not two pieces.`)
  return [left, right]
}

function checkOrder(
  first: ReadonlyMap<number, number>,
  last: ReadonlyMap<number, number>,
  pieces: readonly string[],
  fail: (why: string) => Error,
): void {
  let before = -1
  for (const [id, rank] of first) {
    if (rank < before) throw fail(`The merges of "${pieces[id]}" stand among those of another piece.`)
    before = last.get(id) as number
  }
}

function checkComplete(
  ids: ReadonlyMap<string, number>,
  types: Uint8Array,
  splits: ReadonlySet<string>,
  fail: (why: string) => Error,
): void {
  const isNormal = (piece: string) => {
    const id = ids.get(piece)
    return id !== undefined && types[id] === PieceType.normal
  }
  for (const [piece, id] of ids) {
    if (types[id] !== PieceType.normal) continue
    const chars = [...piece]
    let border = 0
    for (const char of chars.slice(0, -1)) {
      border += char.length
      const left = piece.slice(0, border)
      const right = piece.slice(border)
      if (isNormal(left) && isNormal(right) && !splits.has(`${left} ${right}`)) {
        throw fail(`Its merges are not those of a SentencePiece model: "${left}" with "${right}" is missing.`)
      }
    }
  }
}
