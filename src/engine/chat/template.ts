import { createRequire } from 'node:module'
import type { Template } from '@huggingface/jinja'
import { OpenElmError } from '../../errors.js'
import type { ChatMessage } from '../types.js'
import { StandIns } from './stand-ins.js'

/** What rendering a chat needs to know of a model. */
export interface ChatTemplateModel {
  /** Jinja source, as `tokenizer_config.json` and GGUF's `tokenizer.chat_template` hold it. */
  readonly chatTemplate: string | undefined
  /** Every control piece of the vocabulary (such as `</s>`) with its id. */
  readonly controlPieces: ReadonlyMap<string, number>
  readonly bos: number
  readonly eos: number
  /** Ids of ordinary text: no BOS, control pieces not recognised, SentencePiece's dummy space in front. */
  encodeText(text: string): Int32Array
}

export interface RenderOptions {
  /** End with the opening of the assistant's message, so that the model writes it; default true. */
  readonly addGenerationPrompt?: boolean
}

/** A stretch of a rendered chat: ordinary text, or one control token of the template. */
export type Segment = string | { readonly control: number }

const require = createRequire(import.meta.url)

/** The template rendered last, parsed: a process talks to one model, turn after turn. */
let parsed: { source: string; template: Template } | undefined

function parse(source: string): Template {
  if (parsed?.source === source) return parsed.template
  // Loaded on first use: one-shot completions of base models never need it.
  const jinja = require('@huggingface/jinja') as typeof import('@huggingface/jinja')
  parsed = { source, template: new jinja.Template(source) }
  return parsed.template
}

/**
 * Ids of a conversation in the model's chat format, BOS first, exactly once.
 *
 * Only the template may write control tokens: a `</s>` inside a message stays ordinary text (see StandIns). Text between
 * two control tokens is encoded as a whole, so that pieces merge across the seam of template and message as they did in
 * training.
 * @throws OpenElmError E_TEMPLATE without a template, or when it cannot be parsed or refuses the messages.
 */
export function renderChat(
  model: ChatTemplateModel,
  messages: readonly ChatMessage[],
  options: RenderOptions = {},
): Int32Array {
  return encodeSegments(model, renderSegments(model, messages, options))
}

/** The first half of renderChat: the conversation as stretches of text and control tokens, BOS included. */
export function renderSegments(
  model: ChatTemplateModel,
  messages: readonly ChatMessage[],
  options: RenderOptions = {},
): Segment[] {
  const source = model.chatTemplate
  if (source === undefined) {
    throw new OpenElmError('E_TEMPLATE', 'The model has no chat template.', {
      why: 'A base model continues text; it was not trained to answer messages.',
      next: 'Use "openelm run --no-chat", or a model whose name ends in Instruct.',
    })
  }
  const standIns = new StandIns(
    model.controlPieces.keys(),
    messages.map((message) => message.content),
    source,
  )
  const rendered = render(source, {
    messages: messages.map(({ role, content }) => ({ role, content: standIns.hide(content) })),
    add_generation_prompt: options.addGenerationPrompt ?? true,
    bos_token: pieceOf(model, model.bos),
    eos_token: pieceOf(model, model.eos),
  })
  const segments = split(rendered, model.controlPieces).map((segment) =>
    typeof segment === 'string' ? standIns.reveal(segment) : segment,
  )
  const first = segments[0]
  const hasBos = typeof first === 'object' && first.control === model.bos
  return hasBos || model.bos < 0 ? segments : [{ control: model.bos }, ...segments]
}

/** The second half of renderChat. `encode` may answer from a memory of segments seen before. */
export function encodeSegments(
  model: ChatTemplateModel,
  segments: readonly Segment[],
  encode: (text: string) => Int32Array = (text) => model.encodeText(text),
): Int32Array {
  const parts = segments.map((segment) => (typeof segment === 'string' ? encode(segment) : [segment.control]))
  const ids = new Int32Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    ids.set(part, offset)
    offset += part.length
  }
  return ids
}

function render(source: string, variables: Record<string, unknown>): string {
  try {
    return parse(source).render(variables)
  } catch (error) {
    throw new OpenElmError('E_TEMPLATE', 'The chat template of the model could not be rendered.', {
      why: error instanceof Error ? error.message : String(error),
      next: 'Use "openelm run --no-chat", or convert the model again with its tokenizer_config.json.',
      cause: error,
    })
  }
}

function pieceOf(model: ChatTemplateModel, id: number): string {
  for (const [piece, control] of model.controlPieces) if (control === id) return piece
  return ''
}

/** Cuts text at every control piece; where several begin at one place the longest counts. */
function split(text: string, controlPieces: ReadonlyMap<string, number>): Segment[] {
  const pieces = [...controlPieces.keys()].filter((piece) => piece !== '').sort((a, b) => b.length - a.length)
  if (pieces.length === 0) return text === '' ? [] : [text]
  const segments: Segment[] = []
  const pattern = new RegExp(pieces.map(escapeRegExp).join('|'), 'g')
  let end = 0
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) segments.push(text.slice(end, match.index))
    segments.push({ control: controlPieces.get(match[0]) as number })
    end = match.index + match[0].length
  }
  if (end < text.length) segments.push(text.slice(end))
  return segments
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
