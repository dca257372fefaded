import type { HelpPage } from '../help.js'
import { COMMANDS, MANUAL } from '../manual.js'
import type { OptionSpec } from '../options.js'

/** Text as roff prints it: hyphens that can be copied, and no line taken for a request. */
const roff = (text: string) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('…', '...')
    .replaceAll('±', '\\(+-')
    .replace(/^\./gm, '\\&.')

const verbatim = (text: string) => `.nf\n${roff(text)}\n.fi`

/** `Heading:` and indented lines, or a paragraph. */
function blocksOf(text: string): { readonly heading?: string; readonly text: string }[] {
  return text
    .trim()
    .split('\n\n')
    .map((block) => {
      const [, heading, lines] = block.match(/^([A-Z][^\n:]*):\n( {2}[\s\S]*)$/) ?? []
      return heading && lines ? { heading, text: lines.replace(/^ {2}/gm, '') } : { text: block }
    })
}

const prose = (text: string) =>
  blocksOf(text)
    .map((block) =>
      block.heading
        ? `.PP\n\\fB${roff(block.heading)}\\fR\n.RS 4\n${verbatim(block.text)}\n.RE`
        : `.PP\n${roff(block.text)}`,
    )
    .join('\n')

const entry = ({ flags, about }: OptionSpec) =>
  `.TP\n\\fB${roff(flags)}\\fR\n${roff(about.replaceAll('\n', ' '))}`

function commandSection(name: string, page: HelpPage): string {
  const groups = Object.entries(page.groups).map(
    ([heading, specs]) => `.PP\n\\fB${roff(heading)}\\fR\n${Object.values(specs).map(entry).join('\n')}`,
  )
  return [
    `.SS openelm ${name}`,
    verbatim(page.usage.join('\n')),
    prose(page.about),
    ...groups,
    prose(page.after),
  ].join('\n')
}

/** The manual and every command's page as one man page, openelm(1), in roff with the man macros. */
export async function manPage(version: string): Promise<string> {
  const blocks = blocksOf(MANUAL)
  const what = blocks[0]?.text.replace(/^openelm (.*)\.$/, '$1') ?? ''
  const sections = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, { load }]) => commandSection(name, (await load()).help)),
  )
  const section = (heading: string, text: string) => `.SH ${heading.toUpperCase()}\n${text}`
  const manual = blocks.slice(2).flatMap((block) => {
    const [, line, text = ''] = block.text.match(/^([A-Z][a-z ]+): (.*)$/) ?? []
    if (line) return [section(line, roff(text))]
    if (block.heading === undefined) return [prose(block.text)]
    return [section(block.heading, verbatim(block.text))]
  })
  return [
    `.TH OPENELM 1 "" "openelm ${version}" "User Commands"`,
    section('Name', `openelm \\- ${roff(what)}`),
    section('Synopsis', verbatim(blocks[1]?.text.replace(/^Usage: /, '') ?? '')),
    ...manual,
    section('Pages of the commands', sections.join('\n')),
    '',
  ].join('\n')
}
