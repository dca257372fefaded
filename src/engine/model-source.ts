import type { ModelConfig } from '../model/config.js'
import type { NativeVocab, NativeWeights } from '../native/binding.js'
import type { SamplingDefaults } from './sampling.js'

/** Everything the engine takes from a model file, or makes up for a synthetic model. */
export interface ModelSource {
  /** What the model calls itself, such as `OpenELM-270M-Instruct`. */
  readonly name: string
  /** Type of most of its weights, such as `Q8_0`. */
  readonly type: string
  readonly config: ModelConfig
  readonly parameters: number
  readonly weights: NativeWeights
  readonly vocab: NativeVocab | undefined
  /** Texts to be tokenized begin with BOS. */
  readonly addBos: boolean
  /** Jinja source. */
  readonly chatTemplate: string | undefined
  /** Sampling parameters that the file recommends. */
  readonly sampling: Partial<SamplingDefaults>
}

/** SentencePiece's type of control pieces. */
const CONTROL = 3

/** Every control piece of the vocabulary, such as `</s>`, with its id. */
export function controlPieces({ vocab }: ModelSource): ReadonlyMap<string, number> {
  const pieces = new Map<string, number>()
  vocab?.types.forEach((type, id) => {
    const piece = type === CONTROL ? vocab.pieces.at(id) : undefined
    if (piece) pieces.set(piece, id)
  })
  return pieces
}
