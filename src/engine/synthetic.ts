import * as z from 'zod'
import { ggmlType } from '../formats/ggml-types.js'
import { parameterCount } from '../model/config.js'
import { type PresetName, presetConfig, presetNames } from '../model/presets.js'
import type { NativeVocab } from '../native/binding.js'
import type { ModelSource } from './model-source.js'
import { validate } from './validate.js'

export type SyntheticSize = PresetName

/** The types that weights can be made in: those the addon quantizes to. */
const TYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16', q8_0: 'Q8_0', q4_0: 'Q4_0' } as const

export const syntheticTypes = Object.keys(TYPES) as readonly (keyof typeof TYPES)[]

/** Schemas of a size and a weight type, for the library and the command line. */
export const sizeSchema = z.enum(presetNames as readonly [PresetName, ...PresetName[]], {
  error: `one of ${presetNames.join(', ')}`,
})
export const typeSchema = z.enum(syntheticTypes as readonly [keyof typeof TYPES, ...(keyof typeof TYPES)[]], {
  error: `one of ${syntheticTypes.join(', ')}`,
})

/** A model of a published size whose weights the addon makes up, by the rule of test/golden/README.md. */
export function syntheticSource(size: string, type: string): ModelSource {
  const config = presetConfig(validate(sizeSchema, size, 'size'))
  const name = TYPES[validate(typeSchema, type.toLowerCase(), 'type')]
  return {
    name: `OpenELM-${size}-synthetic`,
    type: name,
    config,
    parameters: parameterCount(config),
    weights: { synthetic: ggmlType(name).id },
    vocab: syntheticVocab(config.vocabSize),
    addBos: true,
    chatTemplate: undefined,
    sampling: {},
  }
}

/** SentencePiece's types. */
const TYPE = { normal: 1, unknown: 2, control: 3, byte: 6 } as const

/**
 * A vocabulary in the layout of Llama 2's: three special tokens, 256 bytes, then pieces, all made up: every word over
 * a to z in order of length, each twice, with and without a space in front.
 */
function syntheticVocab(size: number): NativeVocab {
  const pieces = ['<unk>', '<s>', '</s>']
  for (let byte = 0; byte < 256; byte++) {
    pieces.push(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  }
  const firstNormal = pieces.length
  pieces.push('▁')
  for (let word = 1; pieces.length < size; word++) {
    pieces.push(letters(word))
    if (pieces.length < size) pieces.push(`▁${letters(word)}`)
  }
  const types = new Uint8Array(size).fill(TYPE.normal)
  types.set([TYPE.unknown, TYPE.control, TYPE.control])
  types.fill(TYPE.byte, 3, firstNormal)
  const scores = Float32Array.from({ length: size }, (_, id) => (id < firstNormal ? 0 : firstNormal - id))
  return { pieces, scores, types, bos: 1, eos: 2, unk: 0, addSpacePrefix: true }
}

/** 1 is a, 26 is z, 27 is aa. */
function letters(n: number): string {
  let word = ''
  for (let rest = n; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    word = String.fromCharCode(97 + ((rest - 1) % 26)) + word
  }
  return word
}
