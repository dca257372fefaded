import type { OptionSpecs } from './options.js'

/** The parts of one command's help page. */
export interface HelpPage {
  /** Lines after `Usage:`, without the indent. */
  readonly usage: readonly string[]
  /** One or more paragraphs, already wrapped. */
  readonly about: string
  /** Option groups in the order shown; the key is the heading. */
  readonly groups: Readonly<Record<string, OptionSpecs>>
  /** Text after the options: examples, notes. */
  readonly after: string
}

const COLUMN = 28

/** One entry of a two-column list; text that does not fit the left column gets its own line. */
export function entry(left: string, right: string, column = COLUMN): string {
  const [first = '', ...rest] = right.split('\n')
  const indent = ' '.repeat(column)
  const start = left.length + 4 > column ? `  ${left}\n${indent}${first}` : `  ${left}`.padEnd(column) + first
  return [start, ...rest.map((line) => indent + line)].join('\n')
}

/** The flags as shown: long-only options are aligned under those that have a short form. */
const shown = (flags: string) => (flags.startsWith('--') ? `    ${flags}` : flags)

/** A help page of at most 90 columns. Descriptions are written with the options; this only lays them out. */
export function renderHelp(page: HelpPage): string {
  const groups = Object.entries(page.groups).map(
    ([heading, specs]) =>
      `${heading}:\n${Object.values(specs)
        .map((spec) => entry(shown(spec.flags), spec.about))
        .join('\n')}`,
  )
  const usage = `Usage: ${page.usage.join('\n       ')}`
  return `${[usage, page.about, ...groups, page.after].join('\n\n')}\n`
}
