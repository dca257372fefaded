/** The part of the addon about what a text must be. */
import type { NativeGenerateOptions } from './binding.js'

/** A grammar for the vocabulary of one tokenizer. */
export interface NativeGrammar {
  /** Whether bytes are a text of the grammar, or may begin one. For tests. */
  match(bytes: Uint8Array): 'no' | 'begun' | 'complete'
  /** For each token whether it may follow the bytes: 1 or 0. Null when that is too much work to find out. For tests. */
  allowed(bytes: Uint8Array): Uint8Array | null
  /** The tokens chosen when the model gives the same logits again and again. For tests. */
  choose(logits: Float32Array, options: NativeGenerateOptions): Int32Array
}
