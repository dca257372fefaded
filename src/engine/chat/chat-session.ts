import { OpenElmError } from '../../errors.js'
import type { GenerateOptions, GenerateResult, Generation, Timings } from '../types.js'
import { fitContext } from './context-window.js'
import { type Conversation, type Turn, toMessages } from './conversation.js'
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

/** Sums over all replies since the conversation began or was cleared. */
export interface ChatStats {
  readonly replies: number
  readonly promptTokens: number
  /** Prompt tokens found in the kv cache. */
  readonly reusedTokens: number
  /** Prompt tokens that had to be evaluated. */
  readonly evaluatedTokens: number
  readonly generatedTokens: number
  readonly prefillSeconds: number
  readonly decodeSeconds: number
  /** Of the last reply. */
  readonly last: Timings | undefined
}

const NO_STATS: ChatStats = {
  replies: 0,
  promptTokens: 0,
  reusedTokens: 0,
  evaluatedTokens: 0,
  generatedTokens: 0,
  prefillSeconds: 0,
  decodeSeconds: 0,
  last: undefined,
}

interface Prompt {
  readonly ids: Int32Array
  readonly segments: readonly Segment[]
  readonly length: number
}

/**
 * A conversation on one session of the engine. The kv cache is kept between turns: of each new prompt only what
 * differs from the cache is evaluated. One reply at a time.
 */
export class ChatSession {
  readonly #model: ChatTemplateModel
  readonly #engine: ChatEngine
  #conversation: Conversation
  /** Turns before this one have left the context. */
  #start = 0
  /**
   * Ids of the segments of the last prompt, by their text. A reply is entered with the ids the model chose, which need
   * not be the ones that encoding its text would give: so the next prompt matches the cache.
   */
  #known: ReadonlyMap<string, Int32Array> = new Map()
  #stats = NO_STATS
  #replying = false

  constructor(model: ChatTemplateModel, engine: ChatEngine, options: { readonly system?: string } = {}) {
    this.#model = model
    this.#engine = engine
    this.#conversation = { system: options.system, turns: [] }
  }

  /** Everything said so far, also what has left the context. */
  get conversation(): Conversation {
    return this.#conversation
  }

  /** Turns at the beginning that the model no longer sees. */
  get droppedTurns(): number {
    return this.#start
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
   * Asks something. A question before it that got no answer is forgotten. An aborted reply keeps its text.
   * @throws OpenElmError E_TEMPLATE; E_CONTEXT_FULL when the message alone is too long. The conversation is then unchanged.
   */
  send(text: string, options: GenerateOptions = {}): ChatReply {
    const answered = this.#conversation.turns.filter((turn) => turn.assistant !== undefined)
    return this.#reply([...answered, { user: text, assistant: undefined }], options)
  }

  /** Answers the last question again. */
  retry(options: GenerateOptions = {}): ChatReply {
    return this.edit(this.lastQuestion(), options)
  }

  /** Replaces the last question and answers the new one. */
  edit(text: string, options: GenerateOptions = {}): ChatReply {
    this.lastQuestion()
    return this.#reply(
      [...this.#conversation.turns.slice(0, -1), { user: text, assistant: undefined }],
      options,
    )
  }

  /** @throws OpenElmError E_USAGE when nothing has been asked. */
  lastQuestion(): string {
    const last = this.#conversation.turns.at(-1)
    if (last) return last.user
    throw new OpenElmError('E_USAGE', 'Nothing has been asked yet.', { next: 'Type a message first.' })
  }

  /** Forgets the turns; the system prompt stays. */
  clear(): void {
    this.restore({ system: this.#conversation.system, turns: [] })
  }

  /** Sets the system prompt for all that follows; undefined removes it. */
  setSystem(system: string | undefined): void {
    this.#requireIdle()
    this.#conversation = { ...this.#conversation, system }
  }

  /** Goes on with another conversation. */
  restore(conversation: Conversation): void {
    this.#requireIdle()
    this.#conversation = conversation
    this.#start = 0
    this.#stats = NO_STATS
  }

  #requireIdle(): void {
    if (!this.#replying) return
    throw new OpenElmError('E_USAGE', 'A reply is still being written.', { next: 'Wait for it, or stop it.' })
  }

  #reply(turns: readonly Turn[], options: GenerateOptions): ChatReply {
    this.#requireIdle()
    const { nCtx } = this.#engine
    const { system } = this.#conversation
    const before = Math.min(this.#start, turns.length - 1)
    const reserve = Math.max(1, Math.min(options.maxTokens ?? nCtx, nCtx >> 2))
    const { start, prompt } = fitContext(nCtx, reserve, turns.length, before, (from) =>
      this.#render({ system, turns: turns.slice(from) }),
    )
    const fresh = this.#engine.reuse(prompt.ids)
    const generation = this.#engine.generate(fresh, options)
    const reused = prompt.length - fresh.length

    this.#replying = true
    this.#conversation = { system, turns }
    this.#start = start
    const result = generation.result.then(
      (done) => {
        this.#finish(prompt, reused, done)
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
      dropped: turns.slice(before, start),
      promptTokens: prompt.length,
      reusedTokens: reused,
      result,
      [Symbol.asyncIterator]: () => generation[Symbol.asyncIterator](),
    }
  }

  #render(conversation: Conversation): Prompt {
    const segments = renderSegments(this.#model, toMessages(conversation))
    const ids = encodeSegments(
      this.#model,
      segments,
      (text) => this.#known.get(text) ?? this.#model.encodeText(text),
    )
    return { ids, segments, length: ids.length }
  }

  #finish(prompt: Prompt, reused: number, result: GenerateResult): void {
    this.#remember(prompt, result)
    if (result.text !== '') {
      const { system, turns } = this.#conversation
      const user = this.lastQuestion()
      this.#conversation = { system, turns: [...turns.slice(0, -1), { user, assistant: result.text }] }
    }
    const { timings } = result
    const stats = this.#stats
    this.#stats = {
      replies: stats.replies + 1,
      promptTokens: stats.promptTokens + prompt.length,
      reusedTokens: stats.reusedTokens + reused,
      evaluatedTokens: stats.evaluatedTokens + timings.promptTokens,
      generatedTokens: stats.generatedTokens + result.tokens.length,
      prefillSeconds: stats.prefillSeconds + timings.prefillSeconds,
      decodeSeconds: stats.decodeSeconds + timings.decodeSeconds,
      last: timings,
    }
    this.#replying = false
  }

  #remember(prompt: Prompt, result: GenerateResult): void {
    const known = new Map<string, Int32Array>()
    for (const segment of prompt.segments) {
      if (typeof segment !== 'string') continue
      known.set(segment, this.#known.get(segment) ?? this.#model.encodeText(segment))
    }
    const opening = prompt.segments.at(-1)
    const openingIds = typeof opening === 'string' ? known.get(opening) : undefined
    const { tokens } = result
    const controls = new Set(this.#model.controlPieces.values())
    // A stop string is in the tokens but not in the text; a control token in the middle has no text at all.
    if (openingIds && result.finishReason !== 'stop' && !tokens.some((id) => controls.has(id))) {
      known.set(`${opening}${result.text}`, Int32Array.of(...openingIds, ...tokens))
    }
    this.#known = known
  }
}
