import { useEffect } from 'react'
import type { ChatRecorder } from '../../engine/chat/chat-recorder.js'
import type { ChatSession } from '../../engine/chat/chat-session.js'
import { OpenElmError } from '../../errors.js'
import type { Space } from '../chat-state.js'
import type { CommandContext } from '../commands/command.js'
import { isCommand, parseInput } from '../commands/parse.js'
import { replay, stepVariant } from '../commands/turns.js'
import type { Settings } from '../settings.js'
import { type Reply, useReply } from './use-reply.js'
import { type Screen, useScreen } from './use-screen.js'

/** What a chat is made of. */
export interface ChatProps {
  readonly chat: ChatSession
  readonly recorder: ChatRecorder
  readonly settings: Settings
  readonly modelName: string
  readonly chatsDir: string
  /** First lines of the screen. */
  readonly header: string
}

interface UseChatOptions extends ChatProps, Pick<CommandContext, 'theme' | 'setTheme' | 'compose' | 'leave'> {
  readonly space: Space
}

export interface Chat {
  readonly screen: Screen
  readonly reply: Reply
  /** Sends a message, in place of a turn where one is given, or runs a command. */
  readonly submit: (text: string, turn: number | undefined) => void
  readonly variant: (by: -1 | 1) => void
}

/** Runs the conversation: turns replies, commands and failures into what is on the screen. */
export function useChat({ space, header, ...options }: UseChatOptions): Chat {
  const { chat, recorder, settings } = options
  const screen = useScreen(space)
  const reply = useReply(chat, settings, screen)
  const { print, fail } = screen
  useEffect(() => {
    recorder.onFailure = (error) => fail(notSaved(error))
  }, [recorder, fail])
  const context: CommandContext = { ...options, print, reply: reply.start }

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the chat opens
  useEffect(() => {
    print('header', header)
    if (chat.conversation.turns.length > 0) replay(context)
  }, [])

  /** Does something and shows what comes of it, failures too. */
  const run = async (work: () => void | Promise<void>) => {
    try {
      await work()
    } catch (error) {
      fail(error)
    } finally {
      if (!chat.replying) reply.refresh()
    }
  }
  const submit = (text: string, turn: number | undefined) => {
    print('question', text)
    run(() => {
      const input = turn === undefined || isCommand(text) ? parseInput(text) : { message: text }
      if ('command' in input) return input.command.run(context, input.argument)
      reply.start((generate) =>
        turn === undefined ? chat.send(input.message, generate) : chat.edit(input.message, generate, turn),
      )
    })
  }
  return { screen, reply, submit, variant: (by) => void run(() => stepVariant(context, by)) }
}

const notSaved = (error: unknown): Error =>
  new OpenElmError('E_FILE_WRITE', 'The chat is not saved any more.', {
    why: error instanceof Error ? error.message : String(error),
    next: 'Make room, or save it elsewhere with /save FILE.',
    cause: error,
  })
