import type { Model } from '../../engine/model.js'
import type { Session } from '../../engine/session.js'
import type { KvType } from '../../engine/types.js'
import type { BenchTest } from './plan.js'

export interface MeasureOptions {
  readonly repetitions: number
  readonly warmup: boolean
  readonly kvType: KvType
  readonly nBatch: number
  readonly signal: AbortSignal
  /** Called before each run; 0 is the warm-up. */
  readonly onRun: (run: number) => void
}

/** Seconds of each repetition of one test. @throws OpenElmError E_ABORTED when the signal fires */
export async function measure(model: Model, test: BenchTest, options: MeasureOptions): Promise<number[]> {
  const { nDepth, nPrompt, nGen } = test
  const session = model.createSession({
    nCtx: Math.max(1, nDepth + nPrompt + nGen),
    kvType: options.kvType,
    nBatch: options.nBatch,
    beyondTraining: true,
  })
  try {
    const ids = tokenSource(model.vocabSize)
    const { signal } = options
    if (nDepth > 0) await session.evaluate(ids(nDepth), { logits: 'none', signal })
    if (options.warmup) {
      options.onRun(0)
      await runTest(session, test, ids, signal)
    }
    const seconds: number[] = []
    for (let run = 1; run <= options.repetitions; run++) {
      options.onRun(run)
      seconds.push(await runTest(session, test, ids, signal))
    }
    return seconds
  } finally {
    await session.dispose()
  }
}

/** Evaluates the prompt in batches, then feeds tokens one by one and samples; returns the wall time in seconds. */
async function runTest(
  session: Session,
  { nPrompt, nGen, nDepth }: BenchTest,
  ids: (count: number) => Int32Array,
  signal: AbortSignal,
): Promise<number> {
  session.truncate(nDepth)
  const prompt = nPrompt > 0 ? ids(nPrompt) : undefined
  const first = ids(1)
  const start = performance.now()
  if (prompt) await session.evaluate(prompt, { logits: 'last', signal })
  if (nGen > 0) {
    const generation = session.generate(first, {
      maxTokens: nGen,
      ignoreEos: true,
      temperature: 0,
      repeatPenalty: 1,
      signal,
    })
    await generation.result
    signal.throwIfAborted()
  }
  return (performance.now() - start) / 1000
}

/** Arbitrary ids, the same in every process (a 32-bit linear congruential generator, Numerical Recipes' constants). */
function tokenSource(vocabSize: number): (count: number) => Int32Array {
  let state = 1
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * vocabSize)
  }
  return (count) => Int32Array.from({ length: count }, next)
}
