import { useCallback, useEffect, useReducer, useRef, useState } from 'react'
import type { ChatReply, ChatSession } from '../../engine/chat/chat-session.js'
import type { Conversation } from '../../engine/chat/conversation.js'
import type { FinishReason, GenerateOptions } from '../../engine/types.js'
import { OpenElmError } from '../../errors.js'
import { type ChatState, INITIAL, type ItemKind, reduce } from '../chat-state.js'
import { type CommandContext, parseInput } from '../commands.js'
import type { Settings } from '../settings.js'
import { every } from './batch.js'

/** Milliseconds between two updates of a streaming reply. */
const FRAME = 33

/** Turns of a loaded conversation that are shown again; more would only scroll away. */
const REPLAYED = 3

/** What the status line shows. */
export interface Progress {
  readonly used: number
  readonly size: number
  /** Tokens a second of the running or the last reply. */
  readonly rate: number | undefined
}

export interface ChatProps {
  readonly chat: ChatSession
  readonly settings: Settings
  readonly modelName: string
  readonly chatsDir: string
}

interface UseChatOptions extends ChatProps {
  readonly width: number
  readonly header: string
  readonly compose: (text: string) => void
  readonly leave: () => void
}

export interface Chat {
  readonly state: ChatState
  readonly progress: Progress
  readonly replying: boolean
  /** Sends a message or runs a command. */
  readonly submit: (text: string) => void
  /** Answers `text` in place of the last question. */
  readonly resend: (text: string) => void
  readonly stop: () => void
  readonly print: (kind: ItemKind, text: string) => void
}

/** Why a reply ended, where a reader would wonder. */
const ENDINGS: Readonly<Partial<Record<FinishReason, string>>> = {
  aborted: 'Stopped.',
  context: 'The context is full; the reply ends here.',
  length: 'The reply reached --max-tokens.',
}

/** Runs the conversation: turns replies, commands and failures into what is on the screen. */
export function useChat(options: UseChatOptions): Chat {
  const { chat, settings, compose, leave } = options
  const [state, dispatch] = useReducer(reduce, INITIAL)
  const [progress, setProgress] = useState<Progress>({ ...chat.context, rate: undefined })
  const [replying, setReplying] = useState(false)
  const abort = useRef<AbortController | undefined>(undefined)
  // Replies outlive a resize: they print to the width of the moment.
  const width = useRef(options.width)
  width.current = options.width

  const print = useCallback((kind: ItemKind, text: string) => {
    dispatch({ type: 'print', kind, text, width: width.current })
  }, [])
  const fail = useCallback((error: unknown) => print('error', describe(error)), [print])

  const replay = useCallback(
    ({ turns }: Conversation) => {
      print('notice', `Loaded ${turns.length} ${turns.length === 1 ? 'turn' : 'turns'}.`)
      for (const { user, assistant } of turns.slice(-REPLAYED)) {
        print('question', user)
        if (assistant !== undefined) print('reply', assistant)
      }
    },
    [print],
  )

  const { header } = options
  useEffect(() => {
    print('header', header)
    if (chat.conversation.turns.length > 0) replay(chat.conversation)
  }, [print, header, chat, replay])

  const follow = useCallback(
    async (reply: ChatReply) => {
      if (reply.dropped.length > 0) print('notice', droppedNotice(reply.dropped.length))
      dispatch({ type: 'begin' })
      const { size } = chat.context
      const start = performance.now()
      let first = start
      let pieces = 0
      const batch = every(FRAME, (text) => {
        dispatch({ type: 'stream', text, width: width.current })
        const seconds = (performance.now() - first) / 1000
        setProgress({
          used: Math.min(size, reply.promptTokens + pieces),
          size,
          // Too early for a rate that means anything.
          rate: seconds > 0.2 ? (pieces - 1) / seconds : undefined,
        })
      })
      try {
        for await (const piece of reply) {
          if (pieces === 0) first = performance.now()
          pieces++
          batch.push(piece)
        }
        const { finishReason, timings } = await reply.result
        batch.flush()
        dispatch({ type: 'end', width: width.current })
        const ending = ENDINGS[finishReason]
        if (ending) print('notice', ending)
        setProgress({ ...chat.context, rate: timings.decodeRate || undefined })
      } catch (error) {
        batch.flush()
        dispatch({ type: 'end', width: width.current })
        fail(error)
      }
    },
    [chat, print, fail],
  )

  const reply = useCallback(
    (begin: (options: GenerateOptions) => ChatReply) => {
      const controller = new AbortController()
      try {
        const running = begin({ ...settings.options, signal: controller.signal })
        abort.current = controller
        setReplying(true)
        follow(running).finally(() => {
          abort.current = undefined
          setReplying(false)
        })
      } catch (error) {
        fail(error)
      }
    },
    [settings, follow, fail],
  )

  const { modelName, chatsDir } = options
  const submit = useCallback(
    (text: string) => {
      const context: CommandContext = {
        chat,
        settings,
        modelName,
        chatsDir,
        print: (notice) => print('notice', notice),
        replay,
        reply,
        compose,
        leave,
      }
      print('question', text)
      try {
        const input = parseInput(text)
        if ('message' in input) return reply((generate) => chat.send(input.message, generate))
        Promise.resolve(input.command.run(context, input.argument)).catch(fail)
      } catch (error) {
        fail(error)
      } finally {
        if (!chat.replying) setProgress((before) => ({ ...before, ...chat.context }))
      }
    },
    [chat, settings, modelName, chatsDir, print, replay, reply, compose, leave, fail],
  )

  const resend = useCallback(
    (text: string) => {
      print('question', text)
      reply((generate) => chat.edit(text, generate))
    },
    [chat, print, reply],
  )

  const stop = useCallback(() => abort.current?.abort(), [])
  // Nobody reads a reply once the screen is gone.
  useEffect(() => stop, [stop])
  return { state, progress, replying, submit, resend, stop, print }
}

/** What is told when turns leave the context. */
function droppedNotice(count: number): string {
  const turns = count === 1 ? 'The oldest turn' : `The oldest ${count} turns`
  return `The context is full. ${turns} went; the model no longer sees ${count === 1 ? 'it' : 'them'}.`
}

function describe(error: unknown): string {
  if (!(error instanceof OpenElmError)) return error instanceof Error ? error.message : String(error)
  return [error.message, error.why, error.next].filter((line) => line !== undefined).join('\n')
}
