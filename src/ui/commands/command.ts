import type { ChatRecorder } from '../../engine/chat/chat-recorder.js'
import type { ChatReply, ChatSession } from '../../engine/chat/chat-session.js'
import type { GenerateOptions } from '../../engine/types.js'
import type { ItemKind } from '../chat-state.js'
import type { Settings } from '../settings.js'
import type { ThemeName } from '../theme.js'

/** What the commands of the chat act on. */
export interface CommandContext {
  readonly chat: ChatSession
  readonly settings: Settings
  readonly modelName: string
  /** Folder of the chats that are saved as they happen. */
  readonly chatsDir: string
  readonly recorder: ChatRecorder
  readonly theme: ThemeName
  readonly setTheme: (name: ThemeName) => void
  readonly print: (kind: ItemKind, text: string) => void
  readonly reply: (start: (options: GenerateOptions) => ChatReply) => void
  /** Puts a question into the input to be edited; sending it asks it in place of this turn. */
  readonly compose: (text: string, turn: number) => void
  readonly leave: () => void
}

export interface ChatCommand {
  readonly name: string
  /** Other names of it. */
  readonly aliases?: readonly string[]
  readonly argument?: string
  readonly about: string
  readonly run: (context: CommandContext, argument: string) => void | Promise<void>
}
