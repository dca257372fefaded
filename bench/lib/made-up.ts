/** Data for benches that is the same in every process. */

/** Uniform numbers in [0, 1): a 32-bit linear congruential generator, Numerical Recipes' constants. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** A normal deviate (Box and Muller 1958). */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** 0 to length - 1 in a random order (Fisher and Yates). */
function shuffled(length: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
  }
  return order
}

/**
 * Rows of logits by shape. `trained`: probabilities fall with about the 1.6th power of the rank, so that a nucleus of
 * 0.95 holds some hundred tokens; `peaked`: one token is nearly certain; `flat`: nothing is known, as with random weights.
 */
export function logitShapes(vocab: number): Readonly<Record<string, readonly Float32Array[]>> {
  const rows = (seed: number, power: number, noise: number): Float32Array[] =>
    Array.from({ length: 4 }, (_, row) => {
      const random = randomSource(seed + row)
      const ranks = shuffled(vocab, random)
      return Float32Array.from(ranks, (rank) => noise * normal(random) - power * Math.log(rank + 1))
    })
  return { peaked: rows(10, 4, 0.5), trained: rows(20, 1.6, 0.5), flat: rows(30, 0, 1) }
}

/**
 * Text of at least `length` letters. `words`: made-up words of which the frequent ones are frequent (Zipf), with
 * commas, full stops and paragraphs; `solid`: letters without any space, where nothing can be cut.
 */
export function madeUpText(kind: 'words' | 'solid', length: number): string {
  const random = randomSource(99)
  const letter = (): string => 'etaoinshrdlucmfwypvbgk'.charAt(Math.floor(22 * random() ** 1.7))
  const word = (): string => Array.from({ length: 1 + Math.floor(9 * random()) }, letter).join('')
  const lexicon = Array.from({ length: 20_000 }, word)
  const parts: string[] = []
  for (let have = 0; have < length; ) {
    const next = lexicon[Math.floor(lexicon.length ** random()) - 1] ?? 'the'
    const end = random() < 0.1 ? ', ' : random() < 0.08 ? '. ' : random() < 0.01 ? '\n\n' : ' '
    parts.push(next, kind === 'words' ? end : '')
    have += next.length + (kind === 'words' ? end.length : 0)
  }
  return parts.join('')
}
