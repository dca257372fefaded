import { Static, Text, useCursor } from 'ink'
import { useCallback, useEffect, useRef, useState } from 'react'
import type { InputHistory } from '../history.js'
import { type ChatProps, useChat } from '../hooks/use-chat.js'
import { useInput } from '../hooks/use-input.js'
import { useSize } from '../hooks/use-size.js'
import { layout } from '../input/editor.js'
import { truncate, widthOf, wrapText } from '../text/rows.js'
import type { Theme } from '../theme.js'
import { ItemRows } from './item-rows.js'
import { LiveReply } from './live-reply.js'
import { Prompt } from './prompt.js'
import { StatusLine } from './status-line.js'

export interface ChatAppProps extends ChatProps {
  readonly history: InputHistory
  readonly theme: Theme
  /** First lines of the screen. */
  readonly header: string
  /** The user leaves: take the chat off the screen and exit with this code. */
  readonly onLeave: (exitCode: number) => void
  /** Leaves as Ctrl-C does when it fires. */
  readonly signal?: AbortSignal
}

const MARK = '› '
const EDIT_MARK = 'edit › '
const PLACEHOLDER = 'Ask something, or type /help'
/** Rows of the input and of an unfinished reply that are shown at once; the live part must fit on the screen. */
const MAX_INPUT_ROWS = 8
const MAX_LIVE_ROWS = 2

/** The chat: what was said, the reply being written, the input, and the status line. */
export function ChatApp({ history, theme, header, onLeave, signal, ...props }: ChatAppProps) {
  const { width, height } = useSize()
  const [exitCode, leave] = useState<number | undefined>(undefined)
  useEffect(() => {
    const interrupt = () => leave(130)
    if (signal?.aborted) interrupt()
    signal?.addEventListener('abort', interrupt)
    return () => signal?.removeEventListener('abort', interrupt)
  }, [signal])
  // One drawing without input and status line comes first, so that they do not stay on the screen.
  useEffect(() => {
    if (exitCode === undefined) return
    const drawn = setImmediate(() => onLeave(exitCode))
    return () => clearImmediate(drawn)
  }, [onLeave, exitCode])
  const composeRef = useRef((_text: string) => {})
  const chat = useChat({
    ...props,
    header,
    width,
    compose: useCallback((text: string) => composeRef.current(text), []),
    leave: useCallback(() => leave(0), []),
  })
  const mark = useRef(MARK)
  const input = useInput({
    history,
    width: Math.max(1, width - mark.current.length - 1),
    replying: chat.replying,
    onSubmit: (text, editing) => (editing && !text.startsWith('/') ? chat.resend(text) : chat.submit(text)),
    onStop: chat.stop,
    onLeave: leave,
    onHistoryError: (error) => chat.print('error', `The input history could not be written: ${error}`),
  })
  composeRef.current = input.compose
  mark.current = input.editing ? EDIT_MARK : MARK

  const { state, progress } = chat
  const { live } = state
  const liveRows = live
    ? wrapText(live.text === '' && !live.started ? '…' : live.text, width).slice(-MAX_LIVE_ROWS)
    : []
  const liveGap = live !== undefined && !live.started

  const { rows, row, column } = layout(input.editor, Math.max(1, width - mark.current.length - 1))
  const shown = Math.max(1, Math.min(MAX_INPUT_ROWS, height - MAX_LIVE_ROWS - 5))
  const first = Math.max(0, Math.min(row - (shown >> 1), rows.length - shown))
  const texts = rows
    .slice(first, first + shown)
    .map(({ start, end }) => input.editor.text.slice(start, end).trimEnd())

  const { setCursorPosition } = useCursor()
  const place = {
    x: Math.min(widthOf(mark.current) + column, width - 1),
    y: liveRows.length + (liveGap ? 1 : 0) + 1 + row - first,
  }
  setCursorPosition(exitCode === undefined ? place : undefined)
  return (
    <>
      <Static items={state.items}>{(item) => <ItemRows key={item.id} item={item} theme={theme} />}</Static>
      {exitCode === undefined && (
        <>
          {live && <LiveReply rows={liveRows} gap={liveGap} theme={theme} />}
          <Prompt
            mark={mark.current}
            rows={texts}
            fromStart={first === 0}
            placeholder={input.editor.text === '' ? PLACEHOLDER : ''}
            theme={theme}
          />
          {input.hint === undefined ? (
            <StatusLine modelName={props.modelName} progress={progress} width={width} theme={theme} />
          ) : (
            <Text {...theme.hint} wrap="truncate">
              {truncate(input.hint, width)}
            </Text>
          )}
        </>
      )}
    </>
  )
}
