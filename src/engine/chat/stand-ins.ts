import { OpenElmError } from '../../errors.js'

/** Private-use code points, those of one UTF-16 unit first: Unicode promises never to assign them. */
const PRIVATE_USE: readonly (readonly [number, number])[] = [
  [0xe000, 0xf8ff],
  [0xf0000, 0xffffd],
  [0x100000, 0x10fffd],
]

/**
 * Keeps the text of messages from forming control tokens while a template runs over it.
 *
 * Every character that occurs in some control piece is replaced in the messages by a private-use character of its own,
 * one that neither the messages nor the template contain, and put back after the rendered text has been cut at the
 * control pieces. So no character of a message can be part of a control token, whatever the template does with it
 * (trim, slice, join, or write it right after a `<`). Whitespace is never replaced, so trimming works as it should.
 */
export class StandIns {
  readonly #hidden = new Map<string, string>()
  readonly #revealed = new Map<string, string>()

  /** @throws OpenElmError E_TEMPLATE when the texts leave no private-use character free. */
  constructor(controlPieces: Iterable<string>, contents: readonly string[], template: string) {
    const used = new Set<string>(template)
    for (const content of contents) for (const character of content) used.add(character)
    const free = unusedCharacters(used)
    for (const piece of controlPieces) {
      for (const character of piece) {
        // A character that no message contains needs no stand-in.
        if (this.#hidden.has(character) || !used.has(character) || /\s/u.test(character)) continue
        const standIn = free.next()
        if (standIn.done) {
          throw new OpenElmError('E_TEMPLATE', 'The messages cannot be put into the chat template.', {
            why: 'Together they contain every private-use character of Unicode.',
            next: 'Remove the private-use characters from the messages.',
          })
        }
        this.#hidden.set(character, standIn.value)
        this.#revealed.set(standIn.value, character)
      }
    }
  }

  hide(text: string): string {
    return replaceAll(text, this.#hidden)
  }

  reveal(text: string): string {
    return replaceAll(text, this.#revealed)
  }
}

function replaceAll(text: string, replacements: ReadonlyMap<string, string>): string {
  let result = ''
  for (const character of text) result += replacements.get(character) ?? character
  return result
}

function* unusedCharacters(used: ReadonlySet<string>): Generator<string> {
  for (const [first, last] of PRIVATE_USE) {
    for (let codePoint = first; codePoint <= last; codePoint++) {
      const character = String.fromCodePoint(codePoint)
      if (!used.has(character)) yield character
    }
  }
}
