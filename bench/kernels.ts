import type { IsaName, KernelBenchResult, KernelBenchSpec, NativeBinding } from '../src/native/binding.js'
import { digits } from './lib/stats.js'
import { markdownTable } from './lib/table.js'

/** ggml types measured, with their names. */
const types = { f16: 1, q4_0: 2, q8_0: 8, q4_k: 12, q6_k: 14 } as const

export type TypeName = keyof typeof types
export const typeNames = Object.keys(types) as TypeName[]

/** Ops at the shapes of OpenELM-270M's last layer, and the logits. Attention: rows are query heads, cols head_dim. */
const shapes = [
  { op: 'matmul', name: 'qkv_proj', rows: 1920, cols: 1280 },
  { op: 'matmul', name: 'proj_1', rows: 10240, cols: 1280 },
  { op: 'matmul', name: 'proj_2', rows: 1280, cols: 5120 },
  { op: 'matmul', name: 'logits', rows: 32000, cols: 1280 },
  { op: 'attention', name: 'attention', rows: 20, cols: 64 },
] as const

export interface KernelOptions {
  readonly isas: readonly IsaName[]
  readonly types: readonly TypeName[]
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

/** Times every op for every combination asked for. Attention reads an f16 cache whatever the type of the weights. */
export async function benchKernels(
  native: NativeBinding,
  limits: Probe,
  options: KernelOptions,
): Promise<KernelRow[]> {
  const rows: KernelRow[] = []
  for (const { op, name, rows: height, cols } of shapes) {
    for (const type of op === 'attention' ? (['f16'] as const) : options.types) {
      for (const isa of options.isas) {
        for (const tokens of options.tokens) {
          const { threads, seconds } = options
          const spec = { op, isa, type: types[type], rows: height, cols, tokens, threads, seconds }
          const result = await native.benchKernel(spec)
          const gigabytes = perSecond(result.bytes, result)
          const gigaops = perSecond(result.operations, result)
          const share =
            tokens === 1 ? gigabytes / limits.read : gigaops / (limits.arithmetic[isa] ?? Number.NaN)
          rows.push({
            op: name,
            isa,
            type,
            tokens,
            microseconds: result.medianSeconds * 1e6,
            gigabytes,
            gigaops,
            share,
          })
        }
      }
    }
  }
  return rows
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
    ['op', 'type', 'isa', 'tokens', 'µs', 'GB/s', 'GOP/s', 'share of limit'],
    rows.map((row) => [
      row.op,
      row.type,
      row.isa,
      `${row.tokens}`,
      digits(row.microseconds),
      digits(row.gigabytes),
      digits(row.gigaops),
      `${Math.round(row.share * 100)} %`,
    ]),
    3,
  )
