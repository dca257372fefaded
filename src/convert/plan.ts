import { type GgmlType, ggmlType } from '../formats/ggml-types.js'
import type { GgufValue } from '../formats/gguf/values.js'
import type { RowSource } from '../formats/row-source.js'
import type { ModelConfig } from '../model/config.js'
import { fileTypes } from '../model/file-type.js'
import type { TensorSpec } from '../model/tensors.js'

/** What `--type` may say. */
export type TargetType = keyof typeof fileTypes

export const targetTypes = Object.keys(fileTypes) as readonly TargetType[]

/** Version of ggml's block formats; the current ones are 2. */
export const quantizationVersion = 2

/** Where rows of a tensor come from, and what they become. */
export interface TensorTask {
  readonly name: string
  readonly file: RowSource
  /** Byte offset of the first row in `file`. */
  readonly offset: number
  readonly from: GgmlType
  readonly to: GgmlType
  readonly rows: number
  readonly cols: number
  /** Written with one dimension (norms) or two. */
  readonly vector: boolean
}

/** Everything a conversion will write, known before the first byte is. */
export interface ConversionPlan {
  readonly config: ModelConfig
  readonly metadata: readonly (readonly [string, GgufValue])[]
  readonly tasks: readonly TensorTask[]
  /** Files that are read; the output may be none of them. */
  readonly sources: readonly string[]
  /** What the user should know about this conversion, one sentence each. */
  readonly notes: readonly string[]
}

const names = { f32: 'F32', f16: 'F16', bf16: 'BF16', q8_0: 'Q8_0', q4_0: 'Q4_0' } as const

/**
 * The type a tensor is written in: norms stay F32, as every GGUF program expects; rows that are no whole number of
 * blocks become F16.
 */
export function outputType(spec: TensorSpec, target: TargetType): GgmlType {
  if (spec.norm) return ggmlType('F32')
  const type = ggmlType(names[target])
  return spec.cols % type.blockElements === 0 ? type : ggmlType('F16')
}

/** A note when rows did not fit the target's blocks. */
export function fallbackNotes(tasks: readonly TensorTask[], target: TargetType): string[] {
  const odd = tasks.filter((task) => !task.vector && task.to.name !== names[target])
  const [first] = odd
  if (!first) return []
  return [
    `${odd.length} tensors (${first.name}, …) have rows of ${first.cols}, no multiple of ${names[target]}'s block, and were kept as F16.`,
  ]
}
