import { type CommandDescription, type OptionDescription, topOptions, type Values } from './describe.js'

/** One word for zsh, whatever is in it. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
/** Text inside a specification of _arguments. */
const plain = (text: string) => text.replace(/[\\[\]:]/g, '\\$&')

/** The action of _arguments that offers the values. */
function action({ words, files, list }: Values): string {
  const all = words.join(' ')
  if (words.length === 0) return files ? '_files' : ' '
  // A space in front: _arguments adds no words of its own.
  if (files) return ` _openelm_or_file ${all}`
  return list ? `_sequence compadd - ${all}` : `(${all})`
}

function optionSpecs({ flags, value, values, repeat, about }: OptionDescription): string[] {
  const before = repeat ? '*' : `(${flags.join(' ')})`
  const after = value === undefined ? '' : `:${plain(value)}:${action(values)}`
  return flags.map((flag) => {
    const joined = value !== undefined && flag.startsWith('--') ? '=' : ''
    return quote(`${before}${flag}${joined}[${plain(about)}]${after}`)
  })
}

function commandCase({ name, options, arguments: args }: CommandDescription): string {
  const positional = args.flatMap(({ name: argument, variadic, values }, index) => {
    const rest = `:${plain(argument)}:${action(values)}`
    // Of a prompt only the first word can be the name of a model.
    if (argument === 'prompt') return [quote(`${index + 1}${rest}`), quote('*:prompt: ')]
    return [quote(`${variadic ? '*' : index + 1}${rest}`)]
  })
  const specs = [...options.flatMap(optionSpecs), ...positional]
  return `    ${name})
      _arguments \\
${specs.map((spec) => `        ${spec}`).join(' \\\n')}
      ;;`
}

/** The script for zsh: a file `_openelm` in $fpath, or sourced after compinit. */
export function zshScript(commands: readonly CommandDescription[]): string {
  const names = commands.map(({ name, about }) => `    ${quote(`${name}:${plain(about)}`)}`)
  return `#compdef openelm
# zsh completion of openelm. Load it after compinit with: source <(openelm completion zsh)

_openelm_or_file() {
  _alternative "words:name:($*)" 'files:file:_files'
}

_openelm() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if ((CURRENT == 2)); then
    if [[ $PREFIX == -* ]]; then
      compadd -- ${topOptions.flatMap(({ flags }) => flags).join(' ')}
    else
      commands+=(${quote('help:show the page of a command')})
      _describe command commands
    fi
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
    help) _describe command commands ;;
${commands.map(commandCase).join('\n')}
  esac
}

if [[ $funcstack[1] == _openelm ]]; then _openelm "$@"; else compdef _openelm openelm; fi
`
}
