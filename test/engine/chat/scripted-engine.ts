import { setImmediate } from 'node:timers/promises'
import type { ChatEngine } from '../../../src/engine/chat/chat-session.js'
import type { ChatTemplateModel } from '../../../src/engine/chat/template.js'
import type { FinishReason, GenerateOptions, GenerateResult, Generation } from '../../../src/engine/types.js'

/** `system`, `user` and `assistant` messages between tags, each ended by `</s>`. */
export const TEMPLATE =
  "{% for m in messages %}{{ '<' + m.role + '>' + m.content + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"

/** A model whose ids are code points (1 and 2 are control tokens), so that tests can read a prompt. */
export const scriptedModel: ChatTemplateModel = {
  chatTemplate: TEMPLATE,
  controlPieces: new Map([
    ['<s>', 1],
    ['</s>', 2],
  ]),
  bos: 1,
  eos: 2,
  encodeText: (text) => Int32Array.from(Array.from(text), (c) => c.codePointAt(0) as number),
}

/** Text of ids of the scripted model. */
export const read = (ids: Iterable<number>) =>
  Array.from(ids, (id) => (id === 1 ? '<s>' : id === 2 ? '</s>' : String.fromCodePoint(id))).join('')

/** What the engine answers next: pieces of text, and how it ends. */
export interface Script {
  readonly pieces?: readonly string[]
  /** Ids, where they differ from the code points of the text. */
  readonly tokens?: readonly number[]
  readonly finish?: FinishReason
  readonly fail?: Error
  /** Waits between pieces; lets a test stop or look at a running reply. */
  readonly pause?: () => Promise<unknown>
}

/** A session of the engine without a model: keeps a cache of ids as the real one does, and answers by script. */
export class ScriptedEngine implements ChatEngine {
  readonly nCtx: number
  /** Every call: the ids that were evaluated and the options. */
  readonly calls: { readonly evaluated: string; readonly options: GenerateOptions }[] = []
  #ids: number[] = []
  readonly #scripts: Script[]

  constructor(scripts: readonly Script[], nCtx = 1000) {
    this.#scripts = [...scripts]
    this.nCtx = nCtx
  }

  get nPast(): number {
    return this.#ids.length
  }

  /** The cache as text. */
  get cache(): string {
    return read(this.#ids)
  }

  reuse(ids: Int32Array): Int32Array {
    let common = 0
    while (common < Math.min(this.nPast, ids.length - 1) && ids[common] === this.#ids[common]) common++
    this.#ids.length = common
    return ids.subarray(common)
  }

  generate(ids: Int32Array, options: GenerateOptions = {}): Generation {
    this.calls.push({ evaluated: read(ids), options })
    const script = this.#scripts.shift() ?? { pieces: ['ok'] }
    this.#ids.push(...ids)
    if (this.nPast > this.nCtx) throw new Error('context full')
    const waiting: string[] = []
    let wake = () => {}
    const result = this.#write(script, options, ids.length, (piece) => {
      waiting.push(piece)
      wake()
    })
    let ended = false
    result.then(
      () => {
        ended = true
        wake()
      },
      () => {
        ended = true
        wake()
      },
    )
    return {
      result,
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const piece = waiting.shift()
          if (piece !== undefined) yield piece
          else if (ended) break
          else await new Promise<void>((resolve) => (wake = resolve))
        }
        await result
      },
    }
  }

  async #write(
    script: Script,
    options: GenerateOptions,
    promptTokens: number,
    onPiece: (piece: string) => void,
  ): Promise<GenerateResult> {
    let text = ''
    let finishReason: FinishReason = script.finish ?? 'eos'
    for (const piece of script.pieces ?? []) {
      await (script.pause ?? setImmediate)()
      if (options.signal?.aborted) {
        finishReason = 'aborted'
        break
      }
      text += piece
      onPiece(piece)
    }
    if (script.fail) throw script.fail
    const tokens = [...(script.tokens ?? scriptedModel.encodeText(text))]
    // The token sampled last is not evaluated: at the end of a text that is EOS, which is not among the tokens.
    this.#ids.push(...(finishReason === 'eos' ? tokens : tokens.slice(0, -1)))
    return {
      text,
      tokens: Int32Array.from(tokens),
      finishReason,
      stopString: undefined,
      timings: {
        promptTokens,
        prefillSeconds: 0.5,
        decodeSeconds: 2,
        firstTokenSeconds: 0.5,
        sampleSeconds: 0,
        prefillRate: promptTokens / 0.5,
        decodeRate: tokens.length / 2,
      },
    }
  }
}
