import { type PresetName, presetConfig } from '../src/model/presets.js'
import type { IsaName, KernelBenchResult, KernelBenchSpec, NativeBinding } from '../src/native/binding.js'
import { digits } from './lib/stats.js'
import { markdownTable } from './lib/table.js'

/** ggml types measured, with their names. */
const types = { f16: 1, q4_0: 2, q8_0: 8, q4_k: 12, q5_k: 13, q6_k: 14 } as const

export type TypeName = keyof typeof types
export const typeNames = Object.keys(types) as TypeName[]

interface Shape {
  readonly op: 'matmul' | 'attention'
  readonly name: string
  readonly rows: number
  readonly cols: number
}

/** Ops at the shapes of a size's last layer, its widest, and the logits. Attention: rows are query heads, cols head_dim. */
function shapesOf(size: PresetName): readonly Shape[] {
  const { dim, headDim, vocabSize, heads, kvHeads, ffn } = presetConfig(size)
  const [last = 0, lastKv = 0, width = 0] = [heads.at(-1), kvHeads.at(-1), ffn.at(-1)]
  return [
    { op: 'matmul', name: 'qkv_proj', rows: (last + 2 * lastKv) * headDim, cols: dim },
    { op: 'matmul', name: 'proj_1', rows: 2 * width, cols: dim },
    { op: 'matmul', name: 'proj_2', rows: dim, cols: width },
    { op: 'matmul', name: 'logits', rows: vocabSize, cols: dim },
    { op: 'attention', name: 'attention', rows: last, cols: headDim },
  ]
}

/** Positions that attention looks back on: early and at the end of what the models were trained for; for batches half of it. */
const contextsOf = (tokens: number): readonly number[] => (tokens === 1 ? [512, 2048] : [1024])

export interface KernelOptions {
  readonly isas: readonly IsaName[]
  readonly sizes: readonly PresetName[]
  /** Types of weights measured with every batch size. */
  readonly types: readonly TypeName[]
  /** Types measured with one token only, besides those. */
  readonly decodeTypes: readonly TypeName[]
  readonly tokens: readonly number[]
  readonly threads: number
  readonly seconds: number
}

/** What the machine can do with these threads: the limits that shares are taken of. */
export interface Probe {
  readonly threads: number
  /** GB/s of reading memory. */
  readonly read: number
  /** Per ISA: GOP/s of the variant's multiply-add instruction on registers (a multiply and an add count as two). */
  readonly arithmetic: Readonly<Record<string, number>>
}

export interface KernelRow {
  readonly size: string
  readonly op: string
  readonly isa: IsaName
  readonly type: TypeName
  readonly tokens: number
  readonly microseconds: number
  readonly gigabytes: number
  readonly gigaops: number
  /** Of the probe's limit that binds: bandwidth for one token, arithmetic for more. */
  readonly share: number
}

const perSecond = (amount: number, { medianSeconds }: KernelBenchResult): number =>
  amount / medianSeconds / 1e9

const probeSpec = (op: 'read' | 'peak', isa: IsaName, threads: number, seconds: number): KernelBenchSpec => ({
  op,
  isa,
  type: 0,
  rows: 0,
  cols: 0,
  tokens: 1,
  context: 0,
  threads,
  seconds,
})

/** GB/s of reading memory with these threads: the best of the variants' loads. */
export async function readBandwidth(
  native: NativeBinding,
  isas: readonly IsaName[],
  threads: number,
  seconds: number,
): Promise<number> {
  const rates: number[] = []
  for (const isa of isas) {
    const read = await native.benchKernel(probeSpec('read', isa, threads, seconds))
    rates.push(perSecond(read.bytes, read))
  }
  return Math.max(...rates)
}

/** Measures the limits of the machine. */
export async function probe(
  native: NativeBinding,
  isas: readonly IsaName[],
  threads: number,
  seconds: number,
): Promise<Probe> {
  const arithmetic: Record<string, number> = {}
  for (const isa of isas) {
    const peak = await native.benchKernel(probeSpec('peak', isa, threads, seconds))
    arithmetic[isa] = perSecond(peak.operations, peak)
  }
  return { threads, read: await readBandwidth(native, isas, threads, seconds), arithmetic }
}

/** Every combination asked for. Attention reads an f16 cache whatever the type of the weights. */
function* combinations(options: KernelOptions): Generator<{
  readonly size: PresetName
  readonly shape: Shape
  readonly type: TypeName
  readonly isa: IsaName
  readonly tokens: number
  readonly context: number
}> {
  const { sizes, types, decodeTypes, isas, tokens: batches } = options
  for (const size of sizes) {
    for (const shape of shapesOf(size)) {
      const attention = shape.op === 'attention'
      for (const type of attention ? (['f16'] as const) : new Set([...types, ...decodeTypes])) {
        for (const isa of isas) {
          for (const tokens of batches) {
            if (!attention && tokens > 1 && !types.includes(type)) continue
            for (const context of attention ? contextsOf(tokens) : [0])
              yield { size, shape, type, isa, tokens, context }
          }
        }
      }
    }
  }
}

/** Times every op for every combination asked for. */
export async function benchKernels(
  native: NativeBinding,
  limits: Probe,
  options: KernelOptions,
): Promise<KernelRow[]> {
  const found: KernelRow[] = []
  const { threads, seconds } = options
  for (const { size, shape, type, isa, tokens, context } of combinations(options)) {
    const { op, name, rows, cols } = shape
    const spec = { op, isa, type: types[type], rows, cols, tokens, context, threads, seconds }
    const result = await native.benchKernel(spec)
    const gigabytes = perSecond(result.bytes, result)
    const gigaops = perSecond(result.operations, result)
    found.push({
      size,
      op: context > 0 ? `${name} at ${context}` : name,
      isa,
      type,
      tokens,
      microseconds: result.medianSeconds * 1e6,
      gigabytes,
      gigaops,
      share: tokens === 1 ? gigabytes / limits.read : gigaops / (limits.arithmetic[isa] ?? Number.NaN),
    })
  }
  return found
}

export const probeTable = ({ threads, read, arithmetic }: Probe): string =>
  markdownTable(
    ['limit', 'threads', 'measured'],
    [
      ['read', `${threads}`, `${digits(read)} GB/s`],
      ...Object.entries(arithmetic).map(([isa, rate]) => [
        `multiply-adds, ${isa}`,
        `${threads}`,
        `${digits(rate)} GOP/s`,
      ]),
    ],
    1,
  )

export const kernelTable = (rows: readonly KernelRow[]): string =>
  markdownTable(
    ['size', 'op', 'type', 'isa', 'tokens', 'µs', 'GB/s', 'GOP/s', 'share of limit'],
    rows.map((row) => [
      row.size,
      row.op,
      row.type,
      row.isa,
      `${row.tokens}`,
      digits(row.microseconds),
      digits(row.gigabytes),
      digits(row.gigaops),
      `${Math.round(row.share * 100)} %`,
    ]),
    4,
  )
