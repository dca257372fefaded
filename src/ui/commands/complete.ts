import { readdirSync } from 'node:fs'
import { SETTING_NAMES } from '../settings.js'
import { THEMES } from '../theme.js'
import { toPath } from './files.js'
import { COMMANDS } from './table.js'

/** What Tab makes of the input. */
export interface Completion {
  /** The input, as far as it can only go on in one way. */
  readonly text: string
  /** How it can go on from there, where that is not settled. */
  readonly choices: readonly string[]
}

/** Completes a command's name, a setting, a theme or a path. Undefined where nothing fits. */
export function complete(text: string): Completion | undefined {
  const [, head = '', typed = ''] = /^(\/(?:\S+\s+)?)([^\n]*)$/.exec(text) ?? []
  if (head === '') return undefined
  const candidates = candidatesFor(head, typed).filter((candidate) => candidate.startsWith(typed))
  const [only] = candidates
  if (only === undefined || (head === '/' && typed === '')) return undefined
  const common = candidates.reduce(commonStart)
  return { text: head + common, choices: candidates.length > 1 ? candidates.map((c) => c.trimEnd()) : [] }
}

function candidatesFor(head: string, typed: string): string[] {
  const command = head.slice(1).trimEnd()
  switch (command) {
    case '':
      return COMMANDS.map(({ name, argument }) => name + (argument ? ' ' : ''))
    case 'set':
      return SETTING_NAMES.map((name) => `${name} `)
    case 'theme':
      return Object.keys(THEMES)
    case 'load':
    case 'save':
    case 'export':
      return paths(typed)
    default:
      return []
  }
}

/** What is in the folder of a path that is being typed, hidden names only where they are asked for. */
function paths(typed: string): string[] {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1)
  try {
    return readdirSync(toPath(folder || '.'), { withFileTypes: true })
      .filter(({ name }) => !name.startsWith('.') || typed.slice(folder.length).startsWith('.'))
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .sort()
  } catch {
    // A folder that cannot be read offers nothing.
    return []
  }
}

function commonStart(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}
