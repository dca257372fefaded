import type { Turn } from '../../engine/chat/conversation.js'
import { OpenElmError } from '../../errors.js'
import { truncate } from '../text/rows.js'
import { columns } from '../text/tables.js'
import type { ChatCommand, CommandContext } from './command.js'

/** Turns of a loaded conversation that are shown again; more would only scroll away. */
const REPLAYED = 3

/** Turns that /turns lists at most, the last ones. */
const LISTED = 20

const HEAD_COLUMNS = 50

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`

function show({ print }: CommandContext, turns: readonly Turn[]): void {
  for (const { user, assistant } of turns) {
    print('question', user)
    if (assistant !== undefined) print('reply', assistant)
  }
}

/** Shows the end of a conversation that was loaded. */
export function replay(context: CommandContext): void {
  const { turns } = context.chat.conversation
  context.print('notice', `Loaded ${plural(turns.length, 'turn')}.`)
  show(context, turns.slice(-REPLAYED))
}

/** Tells where the conversation is after it went elsewhere, and shows the last turn. */
function showPlace(context: CommandContext, what: string): void {
  const { turns } = context.chat.conversation
  context.print('notice', what)
  show(context, turns.slice(-1))
}

/** Goes to the variant before or after, of the last turn that has several. */
export function stepVariant(context: CommandContext, by: -1 | 1): void {
  const { chat } = context
  let turn = chat.conversation.turns.length
  while (turn > 0 && chat.variant(turn).count === 1) turn--
  if (turn === 0) return
  const { number, count } = chat.variant(turn)
  const next = number + by
  if (next >= 1 && next <= count) chooseVariant(context, next, turn)
}

function chooseVariant(context: CommandContext, number: number, turn: number): void {
  const { chat } = context
  const last = turn === chat.conversation.turns.length
  chat.choose(number, turn)
  const { count } = chat.variant(turn)
  const { length } = chat.conversation.turns
  const place = last && length === turn ? '' : ` of turn ${turn}`
  const end = length === turn ? '' : ` The conversation goes on to turn ${length}.`
  showPlace(context, `Variant ${number} of ${count}${place}.${end}`)
}

/** A whole number from 1. @throws OpenElmError E_USAGE */
function toNumber(text: string, what: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new OpenElmError('E_USAGE', `Expected the number of a ${what} but received "${text}".`, {
    next: 'Type /turns to see the numbers.',
  })
}

/** Lines of /turns: number, how the question begins, variants. */
function turnLines({ chat }: CommandContext): string {
  const { turns } = chat.conversation
  const first = Math.max(0, turns.length - LISTED)
  return columns(
    turns.slice(first).map(({ user, assistant }, i) => {
      const { number, count } = chat.variant(first + i + 1)
      const marks = [
        count > 1 ? `variant ${number} of ${count}` : '',
        assistant === undefined ? 'no answer' : '',
      ]
      return [
        String(first + i + 1),
        truncate(user.replace(/\s+/g, ' '), HEAD_COLUMNS),
        marks.filter((mark) => mark !== '').join(', '),
      ]
    }),
  )
}

/** Commands that go back, forth and sideways in the conversation. */
export const TURN_COMMANDS: readonly ChatCommand[] = [
  {
    name: 'retry',
    about: 'answer again; the first answer stays a variant',
    run: ({ chat, settings, print, reply }) => {
      chat.question()
      if (settings.show('temp') === '0') {
        print('notice', 'At temperature 0 the answer stays the same; try /set temp 0.7.')
      }
      reply((options) => chat.retry(options))
    },
  },
  {
    name: 'variant',
    argument: '[N [TURN]]',
    about: 'show or choose among the variants of a turn',
    run: (context, argument) => {
      const [variant = '', turn] = argument.split(/\s+/)
      if (variant !== '') {
        const last = Math.max(1, context.chat.conversation.turns.length)
        return chooseVariant(context, toNumber(variant, 'variant'), turn ? toNumber(turn, 'turn') : last)
      }
      const { number, count } = context.chat.variant()
      context.print('notice', `This is variant ${number} of ${count}.`)
    },
  },
  {
    name: 'edit',
    argument: '[TURN] [TEXT]',
    about: 'change a question (the last) and ask it again',
    run: ({ chat, compose, reply }, argument) => {
      const [, number, rest] = /^(\d+)(?:\s+([\s\S]*))?$/.exec(argument) ?? []
      const turn = number === undefined ? undefined : Number(number)
      const text = number === undefined ? argument : (rest ?? '')
      const question = chat.question(turn)
      if (text === '') return compose(question, turn ?? chat.conversation.turns.length)
      reply((options) => chat.edit(text, options, turn))
    },
  },
  {
    name: 'back',
    aliases: ['undo'],
    argument: '[N]',
    about: 'take back the last turn or the last N',
    run: (context, argument) => {
      context.chat.back(argument === '' ? 1 : toNumber(argument, 'turn'))
      const { length } = context.chat.conversation.turns
      showPlace(context, length === 0 ? 'Back at the beginning.' : `Back at turn ${length}.`)
    },
  },
  {
    name: 'forward',
    aliases: ['redo'],
    about: 'bring back a turn that was taken back',
    run: (context) => {
      context.chat.forward()
      showPlace(context, `Forward to turn ${context.chat.conversation.turns.length}.`)
    },
  },
  {
    name: 'turns',
    about: 'list the turns with their numbers and variants',
    run: (context) => {
      context.chat.question()
      context.print('notice', turnLines(context))
    },
  },
  {
    name: 'raw',
    about: 'show the last reply without formatting',
    run: ({ chat, print }) => {
      chat.question()
      print('notice', chat.conversation.turns.at(-1)?.assistant ?? 'The last question has no answer.')
    },
  },
]
