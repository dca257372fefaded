/** Random grammars: what the engine generates, accepts and allows is what a slow recogniser says. */
import fc from 'fast-check'
import tap from 'tap'
import type { NativeGrammar } from '../../src/native/binding.js'
import { bytesOf, compile, draw, tokenizer, vocabSize } from './fixtures.js'
import { randomGrammar, recognises, toGbnf } from './random-grammar.js'

const decoder = new TextDecoder('utf-8', { fatal: true })

/** The grammar, or undefined where it is refused for a reason that a random one may have. */
function compiled(gbnf: string): NativeGrammar | undefined {
  try {
    return compile(gbnf)
  } catch (error) {
    const { message } = error as Error
    if (/is left-recursive|No text of less|matches nothing/.test(message)) return undefined
    throw new Error(`${message}\n${gbnf}`)
  }
}

/** A text drawn within a limit, or undefined where the limit is too small. */
function drawn(grammar: NativeGrammar, seed: number, limit: number): Uint8Array | undefined {
  try {
    return draw(grammar, seed, limit)
  } catch (error) {
    if (/The shortest text of the grammar has/.test((error as Error).message)) return undefined
    throw error
  }
}

tap.test('every text drawn is one of the grammar, whatever the limit', async (t) => {
  let texts = 0
  fc.assert(
    fc.property(randomGrammar, fc.integer({ min: 0, max: 1e6 }), (random, seed) => {
      const grammar = compiled(toGbnf(random))
      if (!grammar) return true
      for (const limit of [0, 1, 2, 3, 5, 8, 40]) {
        const bytes = drawn(grammar, seed + limit, limit)
        if (!bytes) continue
        texts++
        if (grammar.match(bytes) !== 'complete' || !recognises(random, decoder.decode(bytes))) return false
      }
      return true
    }),
    { numRuns: 1500 },
  )
  t.ok(texts > 3000, `${texts} texts`)
})

tap.test('a text is accepted if and only if the recogniser accepts it', async (t) => {
  let accepted = 0
  fc.assert(
    fc.property(
      randomGrammar,
      fc.array(fc.constantFrom('a', 'b', 'c', '"', '\\', '\n', 'é', '€', '😀', '0', ']'), { maxLength: 6 }),
      (random, chars) => {
        const grammar = compiled(toGbnf(random))
        if (!grammar) return true
        const text = chars.join('')
        const expected = recognises(random, text)
        if (expected) accepted++
        return (grammar.match(bytesOf(text)) === 'complete') === expected
      },
    ),
    { numRuns: 4000 },
  )
  t.ok(accepted > 100, `${accepted} accepted`)
})

tap.test('the tokens allowed are those after which the text can go on', async (t) => {
  let masks = 0
  fc.assert(
    fc.property(randomGrammar, fc.integer({ min: 0, max: 1e6 }), fc.nat(30), (random, seed, cut) => {
      const grammar = compiled(toGbnf(random))
      const text = grammar && drawn(grammar, seed, 20)
      if (!grammar || !text) return true
      const prefix = text.subarray(0, Math.min(cut, text.length))
      const allowed = grammar.allowed(prefix)
      masks++
      for (let id = 0; id < vocabSize; id++) {
        const bytes = tokenizer.pieceBytes(id)
        const goesOn = bytes.length > 0 && grammar.match(Uint8Array.from([...prefix, ...bytes])) !== 'no'
        if (goesOn !== (allowed?.[id] === 1)) return false
      }
      return true
    }),
    { numRuns: 600 },
  )
  t.ok(masks > 200, `${masks} masks`)
})
