import { join } from 'node:path'
import { render } from 'ink'
import { ChatRecorder } from '../engine/chat/chat-recorder.js'
import { type ChatEngine, ChatSession } from '../engine/chat/chat-session.js'
import type { ChatTree } from '../engine/chat/chat-tree.js'
import type { ChatTemplateModel } from '../engine/chat/template.js'
import { type Computed, computedBy } from '../engine/computed-by.js'
import type { SamplingDefaults } from '../engine/sampling.js'
import type { GenerateOptions } from '../engine/types.js'
import { ChatApp } from './components/chat-app.js'
import { InputHistory } from './history.js'
import { Settings } from './settings.js'
import { chatsFolder, stateFolder } from './state-dir.js'
import { ENTER_TERMINAL, LEAVE_TERMINAL } from './terminal-modes.js'
import { type ThemeName, themeFor } from './theme.js'

/** What the chat needs and shows of the model. */
export interface ChatModel extends ChatTemplateModel, Computed {
  readonly name: string
  readonly type: string
  readonly samplingDefaults: SamplingDefaults
}

export interface OpenChatOptions {
  /** A conversation to go on with. */
  readonly tree?: ChatTree | undefined
  /** The file it is in, where what follows should be added to that. */
  readonly resume?: string | undefined
  /** System prompt; default: that of the conversation. */
  readonly system?: string | undefined
  /** Options of replies that hold until /set changes them. */
  readonly given: GenerateOptions
  readonly theme?: ThemeName | undefined
  readonly signal: AbortSignal
}

/** Sets up the terminal; the function returned puts it back, also when the process ends unexpectedly. */
function enterTerminal(stdout: NodeJS.WriteStream): () => void {
  let entered = true
  const restore = () => {
    if (!entered) return
    entered = false
    process.off('exit', restore)
    stdout.write(LEAVE_TERMINAL)
  }
  process.on('exit', restore)
  stdout.write(ENTER_TERMINAL)
  return restore
}

/**
 * Runs a conversation on this process's terminal until the user leaves. Resolves to the exit code: 0, or 130 when it
 * was left by Ctrl-C or `signal` fired.
 */
export async function openChat(
  model: ChatModel,
  engine: ChatEngine,
  options: OpenChatOptions,
): Promise<number> {
  const history = await InputHistory.open(join(stateFolder(), 'history.jsonl'))
  const recorder = new ChatRecorder(chatsFolder(), model.name)
  const chat = new ChatSession(model, engine, { onEvent: (event) => recorder.record(event) })
  if (options.tree) {
    chat.restore(options.tree)
    if (options.resume === undefined) recorder.begin(options.tree)
    else recorder.resume(options.resume)
  }
  if (options.system !== undefined) chat.setSystem(options.system)
  const restore = enterTerminal(process.stdout)
  try {
    let exitCode = 130
    const app = (
      <ChatApp
        chat={chat}
        recorder={recorder}
        settings={new Settings(options.given, model.samplingDefaults)}
        modelName={model.name}
        chatsDir={chatsFolder()}
        history={history}
        theme={options.theme ?? themeFor(process.env)}
        signal={options.signal}
        onLeave={(code) => {
          exitCode = code
          instance.unmount()
        }}
        header={`openelm · ${model.name} ${model.type} · ${computedBy(model)} · /help`}
      />
    )
    const instance = render(app, { exitOnCtrlC: false })
    await instance.waitUntilExit()
    return exitCode
  } finally {
    restore()
    await history.settled()
    await recorder.close()
  }
}
