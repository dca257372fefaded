import { type CommandDescription, topOptions, type Values } from './describe.js'

/** Sets the variables from which the end of the function makes completions. */
function offer({ words, files, list }: Values): string {
  const set = [words.length > 0 && `words='${words.join(' ')}'`, files && 'files=1', list && 'list=1']
  return set.filter(Boolean).join(' ') || ':'
}

const flagsOf = (options: CommandDescription['options']) => options.flatMap(({ flags }) => flags).join(' ')

function commandCase({ name, options, arguments: [argument] }: CommandDescription): string {
  // Options with the same values share a line.
  const byOffer = new Map<string, string[]>()
  for (const { flags, value, values } of options) {
    if (value === undefined) continue
    const line = offer(values)
    byOffer.set(line, [...(byOffer.get(line) ?? []), ...flags])
  }
  const cases = [...byOffer].map(([line, flags]) => `        ${flags.join('|')}) ${line} ;;`)
  return `    ${name})
      case $prev in
${[...cases, `        *) if [[ $cur == -* ]]; then words='${flagsOf(options)}'; else ${argument ? offer(argument.values) : ':'}; fi ;;`].join('\n')}
      esac ;;`
}

/** The script for bash 3.2 and later. */
export function bashScript(commands: readonly CommandDescription[]): string {
  const names = commands.map(({ name }) => name).join(' ')
  return `# bash completion of openelm. Load it with: source <(openelm completion bash)

_openelm() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  local words='' files='' list='' prefix='' word
  COMPREPLY=()
  # bash takes --isa=avx2 for three words, and a:b as well.
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  [[ $cur == : || $prev == : ]] && return
  if ((COMP_CWORD == 1)); then
    if [[ $cur == -* ]]; then words='${flagsOf(topOptions)}'; else words='${names} help'; fi
  else
    case \${COMP_WORDS[1]} in
    help) words='${names}' ;;
${commands.map(commandCase).join('\n')}
    esac
  fi
  [[ $list && $cur == *,* ]] && prefix=\${cur%,*},
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(
    compgen -P "$prefix" -W "$words" -- "\${cur#"$prefix"}"
    if [[ $files ]]; then compgen -f -- "$cur"; fi
  )
  # Older shells, which have no compopt, offer files where nothing is known.
  if [[ $files ]]; then compopt -o filenames 2>/dev/null; else compopt +o default 2>/dev/null; fi
  return 0
}

complete -o default -F _openelm openelm
`
}
