import { useCallback, useEffect, useRef, useState } from 'react'
import type { ChatReply, ChatSession } from '../../engine/chat/chat-session.js'
import type { FinishReason, GenerateOptions } from '../../engine/types.js'
import type { Settings } from '../settings.js'
import { every } from './batch.js'
import type { Screen } from './use-screen.js'

/** Milliseconds between two updates of a streaming reply. */
const FRAME = 33

/** Seconds after the first token before which a rate means nothing. */
const TOO_EARLY = 0.2

/** What the status line shows. */
export interface Progress {
  readonly used: number
  readonly size: number
  /** Tokens a second of the running or the last reply. */
  readonly rate: number | undefined
  /** Seconds to the first token of the running or the last reply. */
  readonly first: number | undefined
}

/** Why a reply ended, where a reader would wonder. */
const ENDINGS: Readonly<Partial<Record<FinishReason, string>>> = {
  aborted: 'Stopped.',
  context: 'The context is full; the reply ends here.',
  length: 'The reply reached --max-tokens.',
}

export interface Reply {
  readonly replying: boolean
  /** Shown until the first token comes. */
  readonly waiting: string
  readonly progress: Progress
  /** Begins a reply and shows it as it comes. */
  readonly start: (begin: (options: GenerateOptions) => ChatReply) => void
  readonly stop: () => void
  /** Takes over what the context is filled with now. */
  readonly refresh: () => void
}

/** Replies of the model, shown as they come. */
export function useReply(chat: ChatSession, settings: Settings, screen: Screen): Reply {
  const [progress, setProgress] = useState<Progress>({ ...chat.context, rate: undefined, first: undefined })
  const [waiting, setWaiting] = useState('')
  const [replying, setReplying] = useState(false)
  const abort = useRef<AbortController | undefined>(undefined)
  const refresh = useCallback(() => setProgress((before) => ({ ...before, ...chat.context })), [chat])
  const { print, fail, begin: beginReply, stream, end } = screen

  const start = useCallback(
    async (begin: (options: GenerateOptions) => ChatReply) => {
      const controller = new AbortController()
      try {
        const started = performance.now()
        const reply = begin({ ...settings.options, signal: controller.signal })
        abort.current = controller
        setReplying(true)
        setWaiting(waitingText(reply))
        if (reply.dropped.length > 0) print('notice', droppedNotice(reply.dropped.length))
        beginReply()
        try {
          const show = (text: string) => {
            setWaiting('')
            stream(text)
          }
          await follow(reply, chat.context.size, started, show, setProgress)
        } finally {
          end()
        }
        const { finishReason, timings } = await reply.result
        const ending = ENDINGS[finishReason]
        if (ending) print('notice', ending)
        setProgress({
          ...chat.context,
          rate: timings.decodeRate || undefined,
          first: timings.firstTokenSeconds,
        })
      } catch (error) {
        fail(error)
      } finally {
        abort.current = undefined
        setReplying(false)
      }
    },
    [chat, settings, print, fail, beginReply, stream, end],
  )
  const stop = useCallback(() => abort.current?.abort(), [])
  // Nobody reads a reply once the screen is gone.
  useEffect(() => stop, [stop])
  return { replying, waiting, progress, start, stop, refresh }
}

/** Hands the pieces of a reply on, several at a time, and what can be measured meanwhile. */
async function follow(
  reply: ChatReply,
  size: number,
  started: number,
  show: (text: string) => void,
  measure: (progress: Progress) => void,
): Promise<void> {
  let first = started
  let pieces = 0
  const batch = every(FRAME, (text) => {
    show(text)
    const seconds = (performance.now() - first) / 1000
    measure({
      used: Math.min(size, reply.promptTokens + pieces),
      size,
      rate: seconds > TOO_EARLY ? (pieces - 1) / seconds : undefined,
      first: (first - started) / 1000,
    })
  })
  try {
    for await (const piece of reply) {
      if (pieces === 0) first = performance.now()
      pieces++
      batch.push(piece)
    }
  } finally {
    batch.flush()
  }
}

/** Prompts of fewer tokens are read at once, so that nobody need be told. */
const LONG_PROMPT = 100

function waitingText({ promptTokens, reusedTokens }: ChatReply): string {
  const fresh = promptTokens - reusedTokens
  return fresh >= LONG_PROMPT ? `reading ${fresh} tokens…` : '…'
}

/** What is told when turns leave the context. */
function droppedNotice(count: number): string {
  const turns = count === 1 ? 'The oldest turn' : `The oldest ${count} turns`
  return `The context is full. ${turns} went; the model no longer sees ${count === 1 ? 'it' : 'them'}.`
}
