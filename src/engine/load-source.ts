import { basename } from 'node:path'
import type { GgufMetadata } from '../formats/gguf/metadata.js'
import { encodedVocabFromGguf } from '../formats/tokenizer/gguf-vocab.js'
import { parameterCount } from '../model/config.js'
import { openGguf } from '../model/open-gguf.js'
import type { NativeBinding } from '../native/binding.js'
import { type OpenFile, openFile } from '../native/open-file.js'
import type { ModelSource } from './model-source.js'
import { type SamplingDefaults, samplingSchemas } from './sampling.js'

/**
 * A model from a GGUF file, mapped by the addon that will compute it.
 * @param readAhead has all of the file brought into memory while its header is read: where every weight is needed for
 *   the first token, and nothing else will read them
 * @throws OpenElmError as openGguf does, and E_TOKENIZER for a tokenizer of another kind
 */
export function loadSource(path: string, addon: NativeBinding, readAhead: boolean): ModelSource {
  const opened = openGguf(path, openWeights(addon, readAhead))
  const { metadata } = opened
  const vocab = metadata.has('tokenizer.ggml.tokens') ? encodedVocabFromGguf(metadata) : undefined
  return {
    name: opened.name ?? basename(path, '.gguf'),
    type: opened.fileType,
    config: opened.config,
    parameters: parameterCount(opened.config),
    weights: { file: opened.file, tensors: opened.tensors },
    vocab,
    addBos: vocab?.addBos ?? true,
    chatTemplate: opened.chatTemplate,
    sampling: readSampling(metadata),
  }
}

const openWeights =
  (addon: NativeBinding, readAhead: boolean): OpenFile =>
  (path) => {
    const file = openFile(path, addon)
    if (readAhead) file.readAhead()
    return file
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
