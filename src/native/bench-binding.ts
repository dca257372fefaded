/** The part of the addon's surface (binding.ts) that measures kernels. */

import type { IsaName } from './binding.js'

/** Per-op probe for benches: seconds a call (median of enough calls to fill `seconds`). */
export interface KernelBenchSpec {
  /** `attention`: rows query heads of width cols, the last `tokens` of `context` positions. `peak`: multiply-adds alone. */
  readonly op: 'matmul' | 'attention' | 'read' | 'peak'
  readonly isa: IsaName
  readonly type: number
  readonly rows: number
  readonly cols: number
  readonly tokens: number
  /** Attention only. */
  readonly context: number
  readonly threads: number
  readonly seconds: number
}

export interface KernelBenchResult {
  readonly medianSeconds: number
  readonly minSeconds: number
  readonly calls: number
  /** Bytes of weights (or cache) read and arithmetic operations done by one call. */
  readonly bytes: number
  readonly operations: number
  /** The instruction whose rate `peak` measures in this variant. */
  readonly instruction: string
}
