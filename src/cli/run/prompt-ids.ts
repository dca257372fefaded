import { renderChat } from '../../engine/chat/template.js'
import { withTemplate } from '../../engine/chat/with-template.js'
import type { Model } from '../../engine/model.js'
import type { ChatMessage } from '../../engine/types.js'
import { OpenElmError } from '../../errors.js'

/** How a prompt is put to the model. */
export interface PromptForm {
  readonly system: string | undefined
  /** With a chat template: yes, no, or where the model has one. */
  readonly chat: boolean | undefined
  /** Jinja source instead of the model's own template. */
  readonly template: string | undefined
}

/**
 * Ids of a prompt, or of a conversation.
 * @throws OpenElmError E_USAGE for what needs a template where none is used, E_TEMPLATE, E_TOKENIZER
 */
export function promptIds(
  model: Model,
  prompt: string | readonly ChatMessage[],
  { system, chat, template }: PromptForm,
): Int32Array {
  if (template !== undefined && chat === false) {
    throw new OpenElmError('E_USAGE', '--template and --no-chat exclude each other.', {
      why: '--no-chat leaves the template out.',
      next: 'Leave one of them out.',
    })
  }
  if (chat ?? (template !== undefined || model.chatTemplate !== undefined)) {
    const messages: ChatMessage[] =
      typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : [...prompt]
    if (system !== undefined) messages.unshift({ role: 'system', content: system })
    return renderChat(withTemplate(model, template), messages, { addGenerationPrompt: true })
  }
  const needs =
    typeof prompt !== 'string' ? 'Messages need' : system !== undefined ? 'A system message needs' : ''
  if (typeof prompt === 'string' && !needs) return model.tokenize(prompt)
  throw new OpenElmError('E_USAGE', `${needs} a chat template.`, {
    why: chat === false ? '--no-chat leaves the template out.' : `${model.name} has no chat template.`,
    next: 'Use an Instruct model, give a --template, or leave them out.',
  })
}

/** The error for a prompt that does not fit the context. */
export function promptTooLong(length: number, nCtx: number, trained: number): OpenElmError {
  return new OpenElmError('E_CONTEXT_FULL', `The prompt has ${length} tokens; the context holds ${nCtx}.`, {
    why: `The model was trained for ${trained} tokens.`,
    next: nCtx < trained ? `Shorten it, or raise -c up to ${trained}.` : 'Shorten it.',
  })
}
