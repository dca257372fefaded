import type { GgufTensor } from '../formats/gguf/reader.js'

/** Values of `general.file_type` (llama.cpp's llama_ftype) that stand for types read here. */
const names: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  21: 'Q2_K_S',
  25: 'IQ4_NL',
  32: 'BF16',
}

/** The types that "openelm convert" writes, with their file_type. */
export const fileTypes = { f32: 0, f16: 1, q4_0: 2, q8_0: 7, bf16: 32 } as const

/** Name of a file type; where the file states none, the type that most of its bytes have. */
export function fileTypeName(fileType: number | undefined, tensors: readonly GgufTensor[]): string {
  const stated = fileType === undefined ? undefined : names[fileType]
  if (stated !== undefined) return stated
  const bytes = new Map<string, number>()
  for (const tensor of tensors) bytes.set(tensor.type.name, (bytes.get(tensor.type.name) ?? 0) + tensor.bytes)
  const [most] = [...bytes].sort((a, b) => b[1] - a[1])
  return most?.[0] ?? 'unknown'
}
