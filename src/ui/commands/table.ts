import { OpenElmError } from '../../errors.js'
import { KEY_HELP } from '../input/bindings.js'
import { columns, statsLines } from '../text/tables.js'
import { isThemeName, THEMES } from '../theme.js'
import type { ChatCommand } from './command.js'
import { FILE_COMMANDS } from './files.js'
import { TURN_COMMANDS } from './turns.js'

/** Every command of the chat; /help is made from this table. */
export const COMMANDS: readonly ChatCommand[] = [
  { name: 'help', about: 'show this', run: ({ print }) => print('notice', helpText()) },
  {
    name: 'system',
    argument: '[TEXT | off]',
    about: 'show, set or remove the system prompt',
    run: ({ chat, print }, text) => {
      if (text === '') return print('notice', `System prompt: ${chat.conversation.system ?? 'none'}`)
      chat.setSystem(text === 'off' ? undefined : text)
      print('notice', text === 'off' ? 'The system prompt is removed.' : 'The system prompt is set.')
    },
  },
  {
    name: 'clear',
    aliases: ['new'],
    about: 'begin a new conversation; the system prompt stays',
    run: ({ chat, recorder, print }) => {
      chat.clear()
      recorder.begin(chat.tree)
      print('notice', 'The conversation is cleared.')
    },
  },
  ...TURN_COMMANDS,
  ...FILE_COMMANDS,
  {
    name: 'set',
    argument: '[NAME [VALUE | default]]',
    about: 'show or change how replies are sampled',
    run: ({ settings, print }, argument) => {
      const [name = '', value] = argument.split(/\s+/)
      if (name === '') return print('notice', columns(settings.list().map((s) => [s.name, s.value, s.about])))
      if (value !== undefined) settings.set(name, value)
      print('notice', `${name} is ${settings.show(name)}`)
    },
  },
  {
    name: 'theme',
    argument: '[NAME]',
    about: `show or change the colours: ${Object.keys(THEMES).join(', ')}`,
    run: ({ theme, setTheme, print }, name) => {
      if (name === '') return print('notice', `The theme is ${theme}.`)
      if (!isThemeName(name)) {
        throw new OpenElmError('E_USAGE', `There is no theme "${name}".`, {
          next: `Themes are ${Object.keys(THEMES).join(', ')}.`,
        })
      }
      setTheme(name)
      print('notice', `The theme is ${name} from here on.`)
    },
  },
  {
    name: 'stats',
    about: 'tokens reused and evaluated, rates',
    run: ({ chat, print }) => print('notice', statsLines(chat)),
  },
  { name: 'exit', aliases: ['quit'], about: 'leave', run: ({ leave }) => leave() },
]

/** The text of /help. */
export function helpText(): string {
  const commands = COMMANDS.map(({ name, aliases = [], argument, about }) => [
    [`/${name}`, ...aliases.map((alias) => `/${alias}`)].join(', ') + (argument ? ` ${argument}` : ''),
    about,
  ])
  const literal = [['//TEXT', 'send text that begins with a slash']]
  return [columns([...commands, ...literal]), columns(KEY_HELP)].join('\n\n')
}
