import { basename } from 'node:path'
import { OpenElmError } from '../errors.js'
import type { GgufMetadata } from '../formats/gguf/metadata.js'
import { parameterCount } from '../model/config.js'
import { openGguf } from '../model/open-gguf.js'
import type { NativeVocab } from '../native/binding.js'
import type { ModelSource } from './model-source.js'
import { type SamplingDefaults, samplingSchemas } from './sampling.js'

/**
 * A model from a GGUF file.
 * @throws OpenElmError as openGguf does, and E_TOKENIZER for a tokenizer of another kind
 */
export function loadSource(path: string): ModelSource {
  const opened = openGguf(path)
  const { metadata } = opened
  return {
    name: opened.name ?? basename(path, '.gguf'),
    type: opened.fileType,
    config: opened.config,
    parameters: parameterCount(opened.config),
    weights: { file: opened.file, tensors: opened.tensors },
    vocab: readVocab(metadata),
    addBos: metadata.bool('tokenizer.ggml.add_bos_token') ?? true,
    chatTemplate: opened.chatTemplate,
    sampling: readSampling(metadata),
  }
}

/** The tokenizer of a GGUF file, or undefined when it has none. */
function readVocab(metadata: GgufMetadata): NativeVocab | undefined {
  const pieces = metadata.strings('tokenizer.ggml.tokens')
  if (!pieces) return undefined
  const refuse = (why: string) =>
    new OpenElmError('E_TOKENIZER', `The tokenizer in ${metadata.label} cannot be used.`, {
      why,
      next: 'Convert the original checkpoint with "openelm convert".',
    })
  const kind = metadata.string('tokenizer.ggml.model')
  if (kind !== 'llama') {
    throw refuse(`It is of the kind "${kind ?? 'unknown'}"; OpenELM models have "llama" (SentencePiece BPE).`)
  }
  const perToken = (key: string) => {
    const values = metadata.numbers(key)
    if (!values) throw refuse(`"${key}" is missing.`)
    if (values.length !== pieces.length) {
      throw refuse(`"${key}" has ${values.length} values for ${pieces.length} tokens.`)
    }
    return values
  }
  const special = (name: string, fallback: number) => {
    const id = metadata.integer(`tokenizer.ggml.${name}_token_id`) ?? fallback
    if (id >= pieces.length)
      throw refuse(`The ${name} token is ${id}, but there are ${pieces.length} tokens.`)
    return id
  }
  return {
    pieces,
    scores: Float32Array.from(perToken('tokenizer.ggml.scores')),
    types: Uint8Array.from(perToken('tokenizer.ggml.token_type')),
    bos: special('bos', 1),
    eos: special('eos', 2),
    unk: special('unknown', 0),
    addSpacePrefix: metadata.bool('tokenizer.ggml.add_space_prefix') ?? true,
  }
}

/** Keys under which GGUF files recommend sampling parameters (llama.cpp's `general.sampling.*`). */
const SAMPLING_KEYS = {
  temperature: 'temp',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  repeatPenalty: 'penalty_repeat',
  penaltyLastN: 'penalty_last_n',
} as const satisfies Partial<Record<keyof SamplingDefaults, string>>

/** What a file recommends; a value that no user could set either is left out, for it is only advice. */
function readSampling(metadata: GgufMetadata): Partial<SamplingDefaults> {
  const found: Record<string, number> = {}
  for (const [name, key] of Object.entries(SAMPLING_KEYS)) {
    const value = metadata.get(`general.sampling.${key}`)
    if (value === undefined || value.type === 'array' || typeof value.value !== 'number') continue
    // Stored as f32: 1.2 comes back as 1.2000000476837158, which nobody wrote.
    const checked = samplingSchemas[name as keyof typeof SAMPLING_KEYS].safeParse(
      Number(value.value.toPrecision(7)),
    )
    if (checked.success) found[name] = checked.data
  }
  return found
}
