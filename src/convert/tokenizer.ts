import { OpenElmError } from '../errors.js'
import type { GgufValue } from '../formats/gguf/values.js'
import type { ModelConfig } from '../model/config.js'

/** The tokenizer of a checkpoint, as a converter needs it. */
export interface CheckpointTokenizer {
  /** Tokens it has. */
  readonly size: number
  /** Where it was found, for the summary: a file's name, or the built-in one. */
  readonly origin: string
  /** The `tokenizer.ggml.*` keys. */
  readonly metadata: readonly (readonly [string, GgufValue])[]
}

/** Finds the tokenizer that belongs to the checkpoint in a folder. @throws OpenElmError E_TOKENIZER, E_FORMAT */
export type LoadTokenizer = (folder: string) => Promise<CheckpointTokenizer>

/** Checkpoints pad their embedding to a multiple of this, for the speed of training (CoreNet: 32128 rows). */
const paddingLimit = 256

/**
 * The rows of the embedding that are kept: as many as there are tokens. Padding rows stand for no token and were never
 * trained; kept, they could be sampled.
 * @throws OpenElmError E_TOKENIZER when the tokenizer cannot be that of the checkpoint
 */
export function fitVocabulary(
  config: ModelConfig,
  tokenizer: CheckpointTokenizer,
  label: string,
): { readonly config: ModelConfig; readonly notes: readonly string[] } {
  const padding = config.vocabSize - tokenizer.size
  if (padding === 0) return { config, notes: [] }
  if (padding < 0 || padding >= paddingLimit) {
    throw new OpenElmError('E_TOKENIZER', `The tokenizer does not fit ${label}.`, {
      why: `It (${tokenizer.origin}) has ${tokenizer.size} tokens, the model's vocabulary ${config.vocabSize}.`,
      next: "Put the checkpoint's own tokenizer.model or tokenizer.json into its folder.",
    })
  }
  return {
    config: { ...config, vocabSize: tokenizer.size },
    notes: [`${padding} rows of the embedding stand for no token and were left out.`],
  }
}
