/** One key press, or a paste. Text keys have the name `text`. */
export interface Key {
  readonly name: KeyName
  readonly text: string
  readonly ctrl: boolean
  readonly alt: boolean
  readonly shift: boolean
}

export type KeyName =
  | 'text'
  | 'paste'
  | 'letter'
  | 'enter'
  | 'newline'
  | 'tab'
  | 'escape'
  | 'backspace'
  | 'delete'
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'home'
  | 'end'
  | 'unknown'

const PASTE_START = '\x1b[200~'
const PASTE_END = '\x1b[201~'

/** Final letters of `ESC [ … letter` and `ESC O letter`. */
const BY_LETTER: Readonly<Record<string, KeyName>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
}

/** Numbers of `ESC [ number ~`. */
const BY_NUMBER: Readonly<Record<number, KeyName>> = { 1: 'home', 3: 'delete', 4: 'end', 7: 'home', 8: 'end' }

/** Code points of `ESC [ code ; modifiers u`, which some terminals send for keys with modifiers. */
const BY_CODE: Readonly<Record<number, KeyName>> = { 9: 'tab', 13: 'enter', 27: 'escape', 127: 'backspace' }

const key = (name: KeyName, extra: Partial<Key> = {}): Key => ({
  name,
  text: '',
  ctrl: false,
  alt: false,
  shift: false,
  ...extra,
})

/** Modifiers as terminals encode them: 1 + shift 1 + alt 2 + ctrl 4. */
const modifiers = (code: string | undefined) => {
  const bits = code ? Number(code) - 1 : 0
  return { shift: (bits & 1) !== 0, alt: (bits & 2) !== 0, ctrl: (bits & 4) !== 0 }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send them
const SEQUENCE = /^\x1b(?:\[([0-9;:<=>?]*)[ -/]*([@-~])|O([0-9;]*)([A-Za-z]))/
/** The beginning of a sequence whose end is still to come. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send them
const INCOMPLETE = /^\x1b(?:\[[0-9;:<=>?]*[ -/]*|O[0-9;]*)?$/

function fromSequence(parameters: string, final: string): Key {
  const [first, second, third] = parameters.split(';')
  if (final === '~' && first === '27') return fromCode(Number(third), second)
  if (final === '~') return key(BY_NUMBER[Number(first)] ?? 'unknown', modifiers(second))
  if (final === 'u') return fromCode(Number(first), second)
  if (final === 'Z') return key('tab', { shift: true })
  return key(BY_LETTER[final] ?? 'unknown', modifiers(second))
}

function fromCode(code: number, modifier: string | undefined): Key {
  const held = modifiers(modifier)
  const name = BY_CODE[code]
  if (name) return key(name, held)
  const text = code >= 32 && code <= 0x10ffff ? String.fromCodePoint(code) : ''
  if (held.ctrl || held.alt) return key('letter', { ...held, text: text === '/' ? '_' : text.toLowerCase() })
  return text ? key('text', { text }) : key('unknown')
}

/** What terminals send for Ctrl+_ and Ctrl+/. */
const CTRL_UNDERSCORE = 31

function fromControl(character: string): Key {
  switch (character) {
    case '\r':
      return key('enter')
    case '\n':
      return key('newline')
    case '\t':
      return key('tab')
    case '\x7f':
      return key('backspace')
    case '\b':
      return key('backspace')
    default: {
      const code = character.charCodeAt(0)
      if (code === CTRL_UNDERSCORE) return key('letter', { ctrl: true, text: '_' })
      return code <= 26 ? key('letter', { ctrl: true, text: String.fromCharCode(code + 96) }) : key('unknown')
    }
  }
}

/**
 * Turns what a terminal sends into keys. Input may be cut anywhere: what is incomplete waits for the next call.
 * Text between the marks of a bracketed paste is one key, whatever it contains.
 */
export class KeyDecoder {
  #pending = ''
  #pasted: string | undefined

  push(chunk: string): Key[] {
    const keys: Key[] = []
    let rest = this.#pending + chunk
    this.#pending = ''
    while (rest !== '') {
      const used = this.#pasted === undefined ? this.#key(rest, keys) : this.#paste(rest, keys)
      if (used === 0) {
        this.#pending = rest
        break
      }
      rest = rest.slice(used)
    }
    return keys
  }

  /** Whether an escape is waiting for more, which may be the Escape key. */
  get waiting(): boolean {
    return this.#pending !== '' && this.#pasted === undefined
  }

  /** Nothing more came: what is waiting is the Escape key and what was typed after it. */
  flush(): Key[] {
    if (!this.waiting) return []
    const rest = this.#pending.slice(1)
    this.#pending = ''
    return [key('escape'), ...(rest === '' ? [] : [key('text', { text: rest })])]
  }

  /** Reads one key off the start; returns how much it was, 0 to wait for more. */
  #key(input: string, keys: Key[]): number {
    if (input.startsWith(PASTE_START)) {
      this.#pasted = ''
      return PASTE_START.length
    }
    const first = input[0] as string
    if (first === '\x1b') return fromEscape(input, keys)
    if (first < ' ' || first === '\x7f') {
      keys.push(fromControl(first))
      return 1
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: everything up to the next control character
    const text = input.match(/^[^\x00-\x1f\x7f]+/)?.[0] ?? first
    keys.push(key('text', { text }))
    return text.length
  }

  #paste(input: string, keys: Key[]): number {
    const end = input.indexOf(PASTE_END)
    if (end < 0) {
      // The end mark may be cut: keep what could be its beginning.
      const keep = longestSuffix(input, PASTE_END)
      this.#pasted += input.slice(0, input.length - keep)
      return input.length - keep
    }
    keys.push(key('paste', { text: `${this.#pasted}${input.slice(0, end)}` }))
    this.#pasted = undefined
    return end + PASTE_END.length
  }
}

function fromEscape(input: string, keys: Key[]): number {
  const sequence = SEQUENCE.exec(input)
  if (sequence) {
    keys.push(fromSequence(sequence[1] ?? sequence[3] ?? '', sequence[2] ?? sequence[4] ?? ''))
    return sequence[0].length
  }
  if (INCOMPLETE.test(input)) return 0
  // Alt sends an escape before the key.
  const next = String.fromCodePoint(input.codePointAt(1) as number)
  if (next === '\x1b') {
    keys.push(key('escape'))
    return 1
  }
  const plain =
    next < ' ' || next === '\x7f' ? fromControl(next) : key('letter', { text: next.toLowerCase() })
  keys.push({ ...plain, alt: true })
  return 1 + next.length
}

/** Length of the longest end of `text` that begins `mark`. */
function longestSuffix(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--) {
    if (mark.startsWith(text.slice(-length))) return length
  }
  return 0
}
