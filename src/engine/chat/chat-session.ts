import { OpenElmError } from '../../errors.js'
import type { GenerateOptions, GenerateResult, Generation } from '../types.js'
import { type ChatStats, NO_STATS, withReply } from './chat-stats.js'
import { type ChatEvent, ChatTree, newTurnId, type TurnNode } from './chat-tree.js'
import { fitContext } from './context-window.js'
import { type Conversation, type Turn, toMessages } from './conversation.js'
import { SegmentMemory } from './segment-memory.js'
import { type ChatTemplateModel, encodeSegments, renderSegments, type Segment } from './template.js'

/** What a conversation needs of a session of the engine. */
export interface ChatEngine {
  readonly nCtx: number
  /** Tokens in the kv cache. */
  readonly nPast: number
  /** Makes the cache a prefix of ids and returns those that remain to be given to generate; at least one. */
  reuse(ids: Int32Array): Int32Array
  /** Appends ids to the cache and generates. */
  generate(ids: Int32Array, options?: GenerateOptions): Generation
}

/** A reply on its way. */
export interface ChatReply extends Generation {
  /** Turns that the model no longer sees because the context was full: told once, with the reply that dropped them. */
  readonly dropped: readonly Turn[]
  /** Tokens of the whole prompt, and how many of them were in the kv cache already. */
  readonly promptTokens: number
  readonly reusedTokens: number
}

interface Prompt {
  readonly ids: Int32Array
  readonly segments: readonly Segment[]
  readonly length: number
}

export interface ChatSessionOptions {
  readonly system?: string
  /** Is told everything that happens to the conversation, after it happened. */
  readonly onEvent?: (event: ChatEvent) => void
}

/** Which of several answers a turn has; both numbers count from 1. */
export interface VariantPlace {
  readonly number: number
  readonly count: number
}

/** Contexts full of ids that are remembered for turns of other branches. */
const REMEMBERED_CONTEXTS = 8

const nothingAsked = () =>
  new OpenElmError('E_USAGE', 'Nothing has been asked yet.', { next: 'Type a message first.' })

/**
 * A conversation on one session of the engine. The kv cache is kept between turns: of each new prompt only what
 * differs from the cache is evaluated, whichever branch of the conversation it belongs to. One reply at a time.
 */
export class ChatSession {
  readonly #model: ChatTemplateModel
  readonly #engine: ChatEngine
  readonly #onEvent: (event: ChatEvent) => void
  readonly #memory: SegmentMemory
  #tree: ChatTree
  /** For each turn asked here, how many turns at the beginning of its path the model did not see. */
  readonly #starts = new Map<string, number>()
  #stats = NO_STATS
  #replying = false

  constructor(model: ChatTemplateModel, engine: ChatEngine, options: ChatSessionOptions = {}) {
    this.#model = model
    this.#engine = engine
    this.#onEvent = options.onEvent ?? (() => {})
    this.#memory = new SegmentMemory(REMEMBERED_CONTEXTS * engine.nCtx)
    this.#tree = ChatTree.of({ system: options.system, turns: [] })
  }

  /** Everything said on the current branch, also what has left the context. */
  get conversation(): Conversation {
    return this.#tree.conversation
  }

  /** The conversation with all its branches; to be read only. */
  get tree(): ChatTree {
    return this.#tree
  }

  /** Turns at the beginning that the model no longer sees. */
  get droppedTurns(): number {
    return this.#startOf(this.#tree.tip)
  }

  get stats(): ChatStats {
    return this.#stats
  }

  get context(): { readonly used: number; readonly size: number } {
    return { used: this.#engine.nPast, size: this.#engine.nCtx }
  }

  get replying(): boolean {
    return this.#replying
  }

  /**
   * Asks something. A question before it that got no answer is passed over. An aborted reply keeps its text.
   * @throws OpenElmError E_TEMPLATE; E_CONTEXT_FULL when the message alone is too long. The conversation is then unchanged.
   */
  send(text: string, options: GenerateOptions = {}): ChatReply {
    const answered = this.#tree.path.findLast(({ turn }) => turn.assistant !== undefined)
    return this.#reply(answered?.id ?? null, text, options)
  }

  /** Answers the last question again; the earlier answer stays as another variant. */
  retry(options: GenerateOptions = {}): ChatReply {
    const node = this.#turn()
    const unanswered = node.turn.assistant === undefined
    return this.#reply(node.parent, node.turn.user, options, node, unanswered ? node.id : undefined)
  }

  /**
   * Asks `text` in place of a question and answers it, on a branch of its own.
   * @param number of the turn, from 1; the last one unless given
   */
  edit(text: string, options: GenerateOptions = {}, number?: number): ChatReply {
    const node = this.#turn(number)
    return this.#reply(node.parent, text, options, node)
  }

  /** @throws OpenElmError E_USAGE when nothing has been asked, or there is no turn of this number */
  question(number?: number): string {
    return this.#turn(number).turn.user
  }

  /** Which of the answers to (and edits of) a turn is on the path. The last turn's unless a number is given. */
  variant(number?: number): VariantPlace {
    const node = this.#turn(number)
    const variants = this.#tree.variants(node)
    return { number: variants.findIndex(({ id }) => id === node.id) + 1, count: variants.length }
  }

  /**
   * Goes to another variant of a turn, and from there to where the conversation was when it was left.
   * @throws OpenElmError E_USAGE when there is no such variant or turn
   */
  choose(variant: number, number?: number): void {
    this.#requireIdle()
    const variants = this.#tree.variants(this.#turn(number))
    const chosen = variants[variant - 1]
    if (!chosen) {
      throw new OpenElmError('E_USAGE', `There is no variant ${variant}.`, {
        why: variants.length === 1 ? 'The turn has only this one.' : `The turn has ${variants.length}.`,
        next: '/retry makes another one.',
      })
    }
    this.#emit({ type: 'go', id: this.#tree.leafOf(chosen.id) })
  }

  /** Takes back the last turns; `forward` brings them again. */
  back(turns = 1): void {
    this.#requireIdle()
    const { path } = this.#tree
    if (path.length === 0) throw nothingAsked()
    this.#emit({ type: 'go', id: path[path.length - 1 - turns]?.id ?? null })
  }

  /** Undoes `back` by a turn. */
  forward(): void {
    this.#requireIdle()
    const id = this.#tree.latestChild(this.#tree.tip)
    if (id === undefined) {
      throw new OpenElmError('E_USAGE', 'There is no later turn.', { next: '/back takes turns back.' })
    }
    this.#emit({ type: 'go', id })
  }

  /** Forgets the turns; the system prompt stays. */
  clear(): void {
    this.restore(ChatTree.of({ system: this.#tree.system, turns: [] }))
  }

  /** Sets the system prompt for all that follows; undefined removes it. */
  setSystem(system: string | undefined): void {
    this.#requireIdle()
    this.#emit({ type: 'system', text: system ?? null })
  }

  /** Goes on with another conversation, which from now on belongs to this session. */
  restore(tree: ChatTree): void {
    this.#requireIdle()
    this.#tree = tree
    this.#starts.clear()
    this.#stats = NO_STATS
  }

  /** A turn of the path by its number, from 1; the last one unless given. */
  #turn(number = this.#tree.path.length): TurnNode {
    const { path } = this.#tree
    if (path.length === 0) throw nothingAsked()
    const node = path[number - 1]
    if (node) return node
    throw new OpenElmError('E_USAGE', `There is no turn ${number}.`, {
      why: `The conversation has ${path.length} ${path.length === 1 ? 'turn' : 'turns'}.`,
      next: 'Type /turns to see them.',
    })
  }

  #emit(event: ChatEvent): void {
    this.#tree.apply(event)
    this.#onEvent(event)
  }

  #startOf(id: string | null): number {
    return id === null ? 0 : (this.#starts.get(id) ?? 0)
  }

  #requireIdle(): void {
    if (!this.#replying) return
    throw new OpenElmError('E_USAGE', 'A reply is still being written.', { next: 'Wait for it, or stop it.' })
  }

  /**
   * @param replaced the turn in whose place this one is asked
   * @param unanswered id of a turn that is there already and only lacks its answer
   */
  #reply(
    parent: string | null,
    user: string,
    options: GenerateOptions,
    replaced?: TurnNode,
    unanswered?: string,
  ): ChatReply {
    this.#requireIdle()
    const { nCtx } = this.#engine
    const { system } = this.#tree
    const turns: Turn[] = [
      ...this.#tree.pathTo(parent).map(({ turn }) => turn),
      { user, assistant: undefined },
    ]
    const before = this.#startOf(parent)
    const reserve = Math.max(1, Math.min(options.maxTokens ?? nCtx, nCtx >> 2))
    const { start, prompt } = fitContext(nCtx, reserve, turns.length, before, (from) =>
      this.#render({ system, turns: turns.slice(from) }),
    )
    const fresh = this.#engine.reuse(prompt.ids)
    const generation = this.#engine.generate(fresh, options)
    const reused = prompt.length - fresh.length

    this.#replying = true
    const id = unanswered ?? newTurnId()
    if (unanswered === undefined) this.#emit({ type: 'ask', id, parent, user })
    this.#starts.set(id, start)
    const result = generation.result.then(
      (done) => {
        this.#finish(id, prompt, reused, done)
        return done
      },
      (error: unknown) => {
        this.#replying = false
        throw error
      },
    )
    // Whoever only iterates gets the error from the iterator.
    result.catch(() => {})
    return {
      // What was told with the turn replaced is not told again.
      dropped: turns.slice(Math.max(before, this.#startOf(replaced?.id ?? null)), start),
      promptTokens: prompt.length,
      reusedTokens: reused,
      result,
      [Symbol.asyncIterator]: () => generation[Symbol.asyncIterator](),
    }
  }

  #render(conversation: Conversation): Prompt {
    const segments = renderSegments(this.#model, toMessages(conversation))
    const ids = encodeSegments(this.#model, segments, (text) =>
      this.#memory.ids(text, (unknown) => this.#model.encodeText(unknown)),
    )
    return { ids, segments, length: ids.length }
  }

  #finish(id: string, prompt: Prompt, reused: number, result: GenerateResult): void {
    this.#remember(prompt, result)
    this.#replying = false
    if (result.text !== '') this.#emit({ type: 'answer', id, assistant: result.text })
    this.#stats = withReply(this.#stats, result, prompt.length, reused)
  }

  #remember(prompt: Prompt, result: GenerateResult): void {
    const opening = prompt.segments.at(-1)
    if (typeof opening !== 'string') return
    const { tokens } = result
    const controls = new Set(this.#model.controlPieces.values())
    // A stop string is in the tokens but not in the text; a control token in the middle has no text at all.
    if (result.finishReason === 'stop' || tokens.some((id) => controls.has(id))) return
    const openingIds = this.#memory.ids(opening, (text) => this.#model.encodeText(text))
    this.#memory.set(`${opening}${result.text}`, Int32Array.of(...openingIds, ...tokens))
  }
}
