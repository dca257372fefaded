import type { ChatMessage } from '../types.js'

/** One question and its answer; `assistant` is undefined as long as there is none. */
export interface Turn {
  readonly user: string
  readonly assistant: string | undefined
}

export interface Conversation {
  readonly system: string | undefined
  readonly turns: readonly Turn[]
}

/** The conversation as a chat template wants it. */
export function toMessages({ system, turns }: Conversation): ChatMessage[] {
  const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }]
  for (const { user, assistant } of turns) {
    messages.push({ role: 'user', content: user })
    if (assistant !== undefined) messages.push({ role: 'assistant', content: assistant })
  }
  return messages
}

/**
 * The conversation of messages in turn: a system message or none, then questions and answers.
 * @throws RangeError naming the first message that is out of turn
 */
export function fromMessages(messages: readonly ChatMessage[]): Conversation {
  const [first, ...rest] = messages
  const system = first?.role === 'system' ? first.content : undefined
  const turns: Turn[] = []
  for (const { role, content } of system === undefined ? messages : rest) {
    const last = turns.at(-1)
    const answered = last === undefined || last.assistant !== undefined
    if (role === 'user' && answered) turns.push({ user: content, assistant: undefined })
    else if (role === 'assistant' && last && !answered) turns.splice(-1, 1, { ...last, assistant: content })
    else throw new RangeError(`Its message "${content.slice(0, 20)}" of the ${role} is out of turn.`)
  }
  return { system, turns }
}
