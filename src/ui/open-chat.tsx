import { homedir } from 'node:os'
import { join } from 'node:path'
import { render } from 'ink'
import type { ChatSession } from '../engine/chat/chat-session.js'
import type { SamplingDefaults } from '../engine/sampling.js'
import type { GenerateOptions } from '../engine/types.js'
import { ChatApp } from './components/chat-app.js'
import { InputHistory } from './history.js'
import { Settings } from './settings.js'
import { stateDir } from './state-dir.js'
import { themeFor } from './theme.js'

/** What the chat shows of the model. */
export interface ChatModel {
  readonly name: string
  readonly type: string
  readonly isa: string
  readonly threads: number
  readonly samplingDefaults: SamplingDefaults
}

/** Pasted text comes between marks, so that newlines in it do not send it. */
const BRACKETED_PASTE = '\x1b[?2004h'
const RESTORED = '\x1b[?2004l\x1b[?25h'

/** Sets up the terminal; the function returned puts it back, also when the process ends unexpectedly. */
function enterTerminal(stdout: NodeJS.WriteStream): () => void {
  let entered = true
  const restore = () => {
    if (!entered) return
    entered = false
    process.off('exit', restore)
    stdout.write(RESTORED)
  }
  process.on('exit', restore)
  stdout.write(BRACKETED_PASTE)
  return restore
}

/**
 * Runs a conversation on this process's terminal until the user leaves. Resolves to the exit code: 0, or 130 when it
 * was left by Ctrl-C or `signal` fired.
 * @param given options of replies that hold until /set changes them
 */
export async function openChat(
  model: ChatModel,
  chat: ChatSession,
  given: GenerateOptions,
  signal: AbortSignal,
): Promise<number> {
  const state = stateDir(process.env, process.platform, homedir())
  const history = await InputHistory.open(join(state, 'history.jsonl'))
  const threads = `${model.threads} ${model.threads === 1 ? 'thread' : 'threads'}`
  const restore = enterTerminal(process.stdout)
  try {
    let exitCode = 130
    const app = (
      <ChatApp
        chat={chat}
        settings={new Settings(given, model.samplingDefaults)}
        modelName={model.name}
        chatsDir={join(state, 'chats')}
        history={history}
        theme={themeFor(process.env)}
        signal={signal}
        onLeave={(code) => {
          exitCode = code
          instance.unmount()
        }}
        header={`openelm · ${model.name} ${model.type} · ${model.isa}, ${threads} · /help`}
      />
    )
    const instance = render(app, { exitOnCtrlC: false })
    await instance.waitUntilExit()
    return exitCode
  } finally {
    restore()
    await history.settled()
  }
}
