import { Static, Text, useCursor, useStdout } from 'ink'
import { useCallback, useRef, useState } from 'react'
import type { InputHistory } from '../history.js'
import { useAway } from '../hooks/use-away.js'
import { type ChatProps, useChat } from '../hooks/use-chat.js'
import { useInput } from '../hooks/use-input.js'
import { useLeave } from '../hooks/use-leave.js'
import { useReflow } from '../hooks/use-reflow.js'
import { useSize } from '../hooks/use-size.js'
import { editExternally } from '../input/external-editor.js'
import { inputMark, inputView } from '../input/view.js'
import { shareSpace } from '../space.js'
import { CLEAR_SCREEN, canSuspend, suspend } from '../terminal-modes.js'
import { truncate } from '../text/rows.js'
import { THEMES, type ThemeName } from '../theme.js'
import { ItemRows } from './item-rows.js'
import { LiveReply } from './live-reply.js'
import { Prompt } from './prompt.js'
import { StatusLine } from './status-line.js'

export interface ChatAppProps extends ChatProps {
  readonly history: InputHistory
  readonly theme: ThemeName
  /** The user leaves: take the chat off the screen and exit with this code. */
  readonly onLeave: (exitCode: number) => void
  /** Leaves as Ctrl-C does when it fires. */
  readonly signal?: AbortSignal
}

const PLACEHOLDER = 'Ask something, or type /help'

/** The chat: what was said, the reply being written, the input, and the status line. */
export function ChatApp({ history, theme: firstTheme, onLeave, signal, ...props }: ChatAppProps) {
  const { inputRows, ...space } = shareSpace(useSize())
  const { write } = useStdout()
  const [themeName, setTheme] = useState(firstTheme)
  const theme = THEMES[themeName]
  const { leaving, leave } = useLeave(onLeave, signal)
  const { away, giveTo } = useAway()
  const compose = useRef((_text: string, _turn: number) => {})
  const { screen, reply, submit, variant } = useChat({
    ...props,
    space,
    theme: themeName,
    setTheme,
    compose: useCallback((text, turn) => compose.current(text, turn), []),
    leave: useCallback(() => leave(0), [leave]),
  })
  const mark = useRef(inputMark({ editing: undefined, search: undefined }, space.width))
  const input = useInput({
    history,
    width: mark.current.room,
    replying: reply.replying,
    submit,
    variant,
    leave,
    stop: reply.stop,
    editExternally: (text, done) =>
      giveTo(() => {
        try {
          done(editExternally(text, process.env))
        } catch (error) {
          screen.fail(error)
        }
      }),
    suspend: () => canSuspend && giveTo(suspend),
    clearScreen: () => write(CLEAR_SCREEN),
    historyFailed: (error) => screen.print('error', `The input history could not be written: ${error}`),
  })
  compose.current = input.compose
  mark.current = inputMark(input, space.width)

  const { live, items, page } = screen.state
  const liveRows = live?.rows.slice(-space.maxLive) ?? []
  const waiting = live?.gap ? reply.waiting : ''
  const view = inputView(input.editor, mark.current, inputRows)
  const hidden = leaving || away
  const replyRows = live ? (live.gap ? 1 : 0) + (liveRows.length || (waiting === '' ? 0 : 1)) : 0
  const above = [0, ...view.widths.slice(0, view.row)]
  const column = Math.min(view.column, space.width - 1)
  const { setCursorPosition } = useCursor()
  setCursorPosition(hidden ? undefined : { x: column, y: replyRows + above.length })
  // A reply may be drawn between the terminal's change and the news of it: what to erase is not known then.
  const below = view.rows.length - view.row + 1
  useReflow(hidden ? undefined : { above: live ? undefined : above, column, below })
  return (
    <>
      <Static key={page} items={items}>
        {(item) => <ItemRows key={item.id} item={item} theme={theme} />}
      </Static>
      {!hidden && (
        <>
          {live && <LiveReply rows={liveRows} gap={live.gap} waiting={waiting} theme={theme} />}
          <Prompt
            mark={mark.current.text}
            rows={view.rows}
            fromStart={view.fromStart}
            placeholder={input.editor.text === '' && !input.search ? PLACEHOLDER : ''}
            theme={theme}
          />
          {input.hint === undefined ? (
            <StatusLine
              modelName={props.modelName}
              progress={reply.progress}
              width={space.width}
              theme={theme}
            />
          ) : (
            <Text {...theme.hint} wrap="truncate">
              {truncate(input.hint, space.width)}
            </Text>
          )}
        </>
      )}
    </>
  )
}
