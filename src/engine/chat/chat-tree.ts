import { randomBytes } from 'node:crypto'
import type { Conversation, Turn } from './conversation.js'

/** What can happen to a conversation. Replaying the events of a chat gives the same tree. */
export type ChatEvent =
  /** The system prompt from now on; null is none. */
  | { readonly type: 'system'; readonly text: string | null }
  /** A question after the turn `parent`; null is the beginning. It becomes the tip. */
  | { readonly type: 'ask'; readonly id: string; readonly parent: string | null; readonly user: string }
  | { readonly type: 'answer'; readonly id: string; readonly assistant: string }
  /** Another turn becomes the tip; null is the beginning. */
  | { readonly type: 'go'; readonly id: string | null }

/** A turn and its place in the tree. */
export interface TurnNode {
  readonly id: string
  readonly parent: string | null
  readonly turn: Turn
}

/** An id that no other turn has, also not one that another process adds to the same file. */
export const newTurnId = (): string => randomBytes(6).toString('base64url')

/**
 * A conversation with everything it branched into: asking a question again or otherwise makes a sibling of the turn,
 * nothing is lost. What the model sees is the path from the beginning to the tip.
 */
export class ChatTree {
  #system: string | undefined
  readonly #nodes = new Map<string, TurnNode>()
  readonly #children = new Map<string | null, string[]>()
  /** The child of a turn that was on the path last. */
  readonly #latest = new Map<string | null, string>()
  #tip: string | null = null
  #path: readonly TurnNode[] | undefined
  #conversation: Conversation | undefined

  /** A tree without branches. */
  static of({ system, turns }: Conversation): ChatTree {
    const tree = new ChatTree()
    tree.apply({ type: 'system', text: system ?? null })
    let parent: string | null = null
    for (const { user, assistant } of turns) {
      const id = newTurnId()
      tree.apply({ type: 'ask', id, parent, user })
      if (assistant !== undefined) tree.apply({ type: 'answer', id, assistant })
      parent = id
    }
    return tree
  }

  get system(): string | undefined {
    return this.#system
  }

  /** The last turn of the path; null at the beginning. */
  get tip(): string | null {
    return this.#tip
  }

  /** Turns of all branches. */
  get size(): number {
    return this.#nodes.size
  }

  /** The turns from the beginning to the tip. */
  get path(): readonly TurnNode[] {
    this.#path ??= this.pathTo(this.#tip)
    return this.#path
  }

  /** The path as the model sees it. */
  get conversation(): Conversation {
    this.#conversation ??= { system: this.#system, turns: this.path.map(({ turn }) => turn) }
    return this.#conversation
  }

  /** The turns from the beginning to one of them. */
  pathTo(id: string | null): TurnNode[] {
    const path: TurnNode[] = []
    for (let node = this.node(id); node; node = this.node(node.parent)) path.push(node)
    return path.reverse()
  }

  node(id: string | null): TurnNode | undefined {
    return id === null ? undefined : this.#nodes.get(id)
  }

  /** The turns that begin after the same turn as this one, itself included: those with an answer, oldest first. */
  variants({ id, parent }: TurnNode): readonly TurnNode[] {
    const siblings = (this.#children.get(parent) ?? []).flatMap((sibling) => this.node(sibling) ?? [])
    return siblings.filter((node) => node.turn.assistant !== undefined || node.id === id)
  }

  /** The child of a turn that was on the path last. */
  latestChild(id: string | null): string | undefined {
    return this.#latest.get(id)
  }

  /** The turn at which the path ended when it last went through this one. */
  leafOf(id: string): string {
    let leaf = id
    for (let next = this.#latest.get(id); next !== undefined; next = this.#latest.get(next)) leaf = next
    return leaf
  }

  /** Takes in an event; false, and nothing changes, where it names a turn that is not there or asks one twice. */
  apply(event: ChatEvent): boolean {
    switch (event.type) {
      case 'system':
        this.#system = event.text ?? undefined
        break
      case 'ask': {
        const { id, parent, user } = event
        if (this.#nodes.has(id) || (parent !== null && !this.#nodes.has(parent))) return false
        this.#nodes.set(id, { id, parent, turn: { user, assistant: undefined } })
        const siblings = this.#children.get(parent)
        if (siblings) siblings.push(id)
        else this.#children.set(parent, [id])
        this.#go(id)
        break
      }
      case 'answer': {
        const node = this.#nodes.get(event.id)
        if (!node) return false
        this.#nodes.set(node.id, { ...node, turn: { user: node.turn.user, assistant: event.assistant } })
        break
      }
      case 'go':
        if (event.id !== null && !this.#nodes.has(event.id)) return false
        this.#go(event.id)
        break
    }
    this.#path = undefined
    this.#conversation = undefined
    return true
  }

  /** Events that make the same tree, with the same tip. */
  *events(): Generator<ChatEvent> {
    if (this.#system !== undefined) yield { type: 'system', text: this.#system }
    for (const { id, parent, turn } of this.#nodes.values()) {
      yield { type: 'ask', id, parent, user: turn.user }
      if (turn.assistant !== undefined) yield { type: 'answer', id, assistant: turn.assistant }
    }
    if (this.#nodes.size > 0) yield { type: 'go', id: this.#tip }
  }

  #go(id: string | null): void {
    this.#tip = id
    for (let node = this.node(id); node; node = this.node(node.parent)) this.#latest.set(node.parent, node.id)
  }
}
