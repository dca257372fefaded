/**
 * A seed gives the tokens it always gave, on every machine: sums of whole vocabularies have one order, whatever
 * instructions compute them. The hashes are of tokens that an earlier version drew.
 */
import t from 'tap'
import { drawn } from './fixtures.js'

const VOCAB = 32_000
const DRAWS = 200

/** Logits of exact arithmetic alone: `random()` has 32 bits, their sum is rounded once. */
function logitsOfShape(spread: number, power: number): Float32Array {
  let state = 12345
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return Float32Array.from({ length: VOCAB }, () => {
    const sum = random() + random() + random() + random() - 2
    return spread * sum + power / (random() * 64 + 0.125)
  })
}

const shapes = {
  flat: logitsOfShape(1, 0),
  trained: logitsOfShape(4, 1),
  peaked: logitsOfShape(4, 4),
  far: logitsOfShape(80, 1),
}

const settings = {
  temperature: { temperature: 0.8 },
  top_k: { topK: 40 },
  top_p: { topP: 0.95 },
  min_p: { minP: 0.05 },
  typical_p: { typicalP: 0.95 },
  all: { temperature: 0.8, topK: 1000, typicalP: 0.95, topP: 0.95, minP: 0.01 },
}

/** FNV-1a, 32 bits. */
const hashOf = (tokens: Int32Array): number =>
  tokens.reduce((hash, token) => Math.imul(hash ^ token, 0x01000193) >>> 0, 0x811c9dc5)

/** By setting, in the order above. */
const recorded: Readonly<Record<keyof typeof shapes, readonly number[]>> = {
  flat: [192247319, 818598193, 1886211485, 2342287698, 222576526, 206165388],
  trained: [995590130, 1759299924, 3042073276, 2863699800, 3030054643, 2670707536],
  peaked: [1524648568, 1763308781, 3631805003, 1250879877, 3631805003, 2549305673],
  far: [3828281366, 1971302417, 1483504524, 1483504524, 1483504524, 3732975881],
}

for (const [shape, hashes] of Object.entries(recorded)) {
  t.test(`logits that are ${shape}`, async (t) => {
    const logits = shapes[shape as keyof typeof shapes]
    for (const [i, [name, options]] of Object.entries(settings).entries()) {
      t.equal(hashOf(drawn(logits, options, { draws: DRAWS })), hashes[i], name)
    }
  })
}
