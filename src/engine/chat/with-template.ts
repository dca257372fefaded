import type { ChatTemplateModel } from './template.js'

/** The model with another chat template, or the model itself where there is none to put in. */
export function withTemplate(model: ChatTemplateModel, template: string | undefined): ChatTemplateModel {
  if (template === undefined) return model
  return {
    chatTemplate: template,
    controlPieces: model.controlPieces,
    bos: model.bos,
    eos: model.eos,
    encodeText: (text) => model.encodeText(text),
  }
}
