import { type CommandDescription, type OptionDescription, topOptions, type Values } from './describe.js'

/** One word for fish, whatever is in it. */
const quote = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`

function offer({ words, files, list }: Values): string {
  const all = words.join(' ')
  const choice = list ? `(__fish_complete_list , 'string split " " "${all}"')` : all
  return `${files ? ' -F' : ''}${words.length > 0 ? ` -a ${quote(choice)}` : ''}`
}

function optionLine({ flags, value, values, about }: OptionDescription): string {
  const names = flags.map((flag) => {
    if (flag.startsWith('--')) return `-l ${flag.slice(2)}`
    return flag.length === 2 ? `-s ${flag.slice(1)}` : `-o ${flag.slice(1)}`
  })
  const argument = value === undefined ? '' : ` -r${values.files ? '' : ' -f'}${offer(values)}`
  return `${names.join(' ')}${argument} -d ${quote(about)}`
}

function commandLines({ name, options, arguments: [argument] }: CommandDescription): string[] {
  const start = `complete -c openelm -n '__openelm_after ${name}'`
  const positional = argument ? offer(argument.values) : ''
  return [
    ...(positional === '' ? [] : [`${start}${positional}`]),
    ...options.map((option) => `${start} ${optionLine(option)}`),
  ]
}

/** The script for fish 3.0 and later. */
export function fishScript(commands: readonly CommandDescription[]): string {
  const first = "complete -c openelm -n '__openelm_after'"
  const lines = [
    'complete -c openelm -f',
    ...commands.map(({ name, about }) => `${first} -a ${name} -d ${quote(about)}`),
    `${first} -a help -d ${quote('show the page of a command')}`,
    ...topOptions.map((option) => `${first} ${optionLine(option)}`),
    `complete -c openelm -n '__openelm_after help' -a ${quote(commands.map(({ name }) => name).join(' '))}`,
    ...commands.flatMap(commandLines),
  ]
  return `# fish completion of openelm. Load it with: openelm completion fish | source

# Whether the command is the one named; without a name, whether none was typed yet.
function __openelm_after
    set -l words (commandline -opc)
    test "$words[2]" = "$argv[1]"
end

${lines.join('\n')}
`
}
