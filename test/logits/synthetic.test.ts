import t, { type Test } from 'tap'
import { type IsaName, Model, type Session } from '../../src/index.js'
import {
  argmax,
  errorBound,
  type GoldenType,
  goldenFloats,
  goldenJson,
  isas,
  relativeError,
} from '../support/golden.js'

// OpenELM-270M with weights that the addon makes by the rule of test/golden/README.md, against logits of the model's
// original code. Random weights amplify every error, which is what makes them a good test.

interface Prompt {
  readonly ids: number[]
  readonly rows: number[]
  readonly argmax: number[]
  readonly margin: number[]
}
const { prompts } = goldenJson<{ prompts: [Prompt, Prompt] }>('synthetic/270M.json')
const [short, long] = prompts
const VOCAB = 32000
const recorded: Record<GoldenType, string> = {
  f16: 'synthetic/270M-24.f32',
  q8_0: 'synthetic/270M-24-q8_0.f32',
  q4_0: 'synthetic/270M-24-q4_0.f32',
}

/** Logits of all ids, evaluated in pieces of the sizes given (the last one repeats). */
async function evaluate(session: Session, ids: readonly number[], sizes: readonly number[]) {
  const logits = new Float32Array(ids.length * VOCAB)
  let done = 0
  for (let i = 0; done < ids.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)] as number
    const piece = ids.slice(done, done + size)
    logits.set(await session.evaluate(piece, { logits: 'all' }), done * VOCAB)
    done += piece.length
  }
  return logits
}

async function withSession<T>(model: Model, nBatch: number, use: (session: Session) => Promise<T>) {
  const session = model.createSession({ nCtx: 1024, kvType: 'f32', nBatch })
  try {
    return await use(session)
  } finally {
    await session.dispose()
  }
}

async function check(test: Test, isa: IsaName, type: GoldenType) {
  const model = await Model.synthetic('270M', { type, isa })
  const bound = errorBound(isa, type)
  const golden = goldenFloats(recorded[type])
  // The scalar reference takes seconds a pass: one split tells as much about it as all of them.
  const splits = isa === 'reference' ? [[24]] : [[24], [1], [7, 1, 16], [5]]
  try {
    for (const sizes of splits) {
      const logits = await withSession(model, 512, (session) => evaluate(session, short.ids, sizes))
      const error = relativeError(logits, short.rows, golden, VOCAB)
      test.ok(error <= bound, `${isa} ${type}, batches of ${sizes}: relative error ${error.toExponential(2)}`)
      if (type !== 'f16') continue
      short.rows.forEach((row, i) => {
        if ((short.margin[i] as number) > 0.1)
          test.equal(argmax(logits, row, VOCAB), short.argmax[i], `row ${row}`)
      })
    }
    if (type === 'f16' && isa !== 'reference') {
      const longGolden = goldenFloats('synthetic/270M-600.f32')
      for (const nBatch of [512, 100]) {
        const logits = await withSession(model, nBatch, (session) =>
          evaluate(session, long.ids, [long.ids.length]),
        )
        const error = relativeError(logits, long.rows, longGolden, VOCAB)
        test.ok(
          error <= bound,
          `${isa} ${type}, 600 ids, n_batch ${nBatch}: relative error ${error.toExponential(2)}`,
        )
      }
    }
  } finally {
    await model.dispose()
  }
}

for (const { name, supported } of isas()) {
  t.test(name, { skip: supported ? false : `${name}: not run by this machine` }, async (t) => {
    for (const type of ['f16', 'q8_0', 'q4_0'] as const) await check(t, name, type)
  })
}
