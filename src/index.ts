/**
 * openelm: runs Apple's OpenELM language models on this machine's processor or GPU.
 *
 *     import { Model } from 'openelm'
 *     const model = await Model.load('OpenELM-270M-Instruct-q8_0.gguf')
 *     const session = model.createSession()
 *     for await (const text of session.generate('Once upon a time')) process.stdout.write(text)
 *     await model.dispose()
 */
export { Batch } from './engine/batch/batch.js'
export { renderChat } from './engine/chat/template.js'
export { resolveModelPath } from './engine/default-model.js'
export { Model, type ModelConfig } from './engine/model.js'
export type { SamplingDefaults } from './engine/sampling.js'
export { Session } from './engine/session.js'
export type { SyntheticSize } from './engine/synthetic.js'
export type * from './engine/types.js'
export { type ErrorCode, type ErrorDetails, OpenElmError } from './errors.js'
