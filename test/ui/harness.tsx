import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { render } from 'ink-testing-library'
import type { Test } from 'tap'
import { ChatRecorder } from '../../src/engine/chat/chat-recorder.js'
import { ChatSession } from '../../src/engine/chat/chat-session.js'
import { ChatTree } from '../../src/engine/chat/chat-tree.js'
import type { Turn } from '../../src/engine/chat/conversation.js'
import { FAMILY_SAMPLING } from '../../src/engine/sampling.js'
import type { GenerateOptions } from '../../src/engine/types.js'
import { ChatApp } from '../../src/ui/components/chat-app.js'
import { InputHistory } from '../../src/ui/history.js'
import { Settings } from '../../src/ui/settings.js'
import type { ThemeName } from '../../src/ui/theme.js'
import { type Script, ScriptedEngine, scriptedModel } from '../engine/chat/scripted-engine.js'
import { temporaryFolder } from '../support/lexicon.js'

export interface HarnessOptions {
  /** Where files are kept; the test's own folder unless given. */
  readonly dir?: string
  readonly scripts?: readonly Script[]
  readonly nCtx?: number
  readonly system?: string
  readonly given?: GenerateOptions
  /** A conversation that was loaded before the chat opened. */
  readonly turns?: readonly Turn[]
  readonly signal?: AbortSignal
  readonly theme?: ThemeName
}

export interface Harness {
  readonly engine: ScriptedEngine
  readonly chat: ChatSession
  readonly recorder: ChatRecorder
  readonly screen: { readonly frames: readonly string[] }
  /** Waits for a condition on the screen; fails with what is there instead. */
  readonly until: (what: RegExp | ((frame: string) => boolean)) => Promise<string>
  readonly type: (...keys: readonly string[]) => Promise<void>
  /** Resolves when the user has left. */
  readonly exitCode: Promise<number>
  readonly historyPath: string
}

/** The chat on a terminal of 100 columns that is not there, with an engine that answers by script. */
export async function openChat(t: Test, options: HarnessOptions = {}): Promise<Harness> {
  const dir = options.dir ?? temporaryFolder(t)
  const engine = new ScriptedEngine(options.scripts ?? [], options.nCtx)
  const recorder = new ChatRecorder(`${dir}/chats`, 'Scripted-1M')
  const chat = new ChatSession(scriptedModel, engine, { onEvent: (event) => recorder.record(event) })
  chat.restore(ChatTree.of({ system: options.system, turns: options.turns ?? [] }))
  recorder.begin(chat.tree)
  const historyPath = `${dir}/history.jsonl`
  const history = await InputHistory.open(historyPath)
  let leave = (_code: number) => {}
  const exitCode = new Promise<number>((resolve) => (leave = resolve))
  const screen = render(
    <ChatApp
      chat={chat}
      recorder={recorder}
      settings={new Settings(options.given ?? {}, FAMILY_SAMPLING)}
      {...(options.signal ? { signal: options.signal } : {})}
      modelName="Scripted-1M"
      chatsDir={`${dir}/chats`}
      history={history}
      theme={options.theme ?? 'dark'}
      onLeave={(code) => {
        screen.unmount()
        Promise.all([history.settled(), recorder.close()]).then(() => leave(code))
      }}
      header="openelm test"
    />,
  )
  t.teardown(async () => {
    screen.unmount()
    await history.settled()
    await recorder.close()
  })
  const frame = () => stripVTControlCharacters(screen.lastFrame() ?? '')
  const until = async (what: RegExp | ((frame: string) => boolean)) => {
    const holds = () => (what instanceof RegExp ? what.test(frame()) : what(frame()))
    for (let i = 0; i < 500 && !holds(); i++) await sleep(10)
    if (!holds()) throw new Error(`Waited for ${what} but the screen shows:\n${frame()}`)
    return frame()
  }
  const type = async (...keys: readonly string[]) => {
    for (const key of keys) {
      screen.stdin.write(key)
      await sleep(5)
    }
  }
  await until(/openelm test/)
  return { engine, chat, recorder, screen, until, type, exitCode, historyPath }
}

export const KEY = {
  enter: '\r',
  altEnter: '\x1b\r',
  ctrl: (letter: string) => String.fromCharCode(letter.charCodeAt(0) - 96),
  alt: (letter: string) => `\x1b${letter}`,
  up: '\x1b[A',
  down: '\x1b[B',
  right: '\x1b[C',
  left: '\x1b[D',
  home: '\x1b[H',
  end: '\x1b[F',
  backspace: '\x7f',
  delete: '\x1b[3~',
  altUp: '\x1b[1;3A',
  altDown: '\x1b[1;3B',
  escape: '\x1b',
  paste: (text: string) => `\x1b[200~${text}\x1b[201~`,
} as const
