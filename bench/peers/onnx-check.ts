// npm run check:onnx: the ONNX graph that bench:peers gives to transformers.js is an OpenELM. Logits of the trained model of
// the tests against ours, for the same weights. Exits 1 on a difference, 3 when transformers.js cannot be installed.

import { join } from 'node:path'
import { Model } from '../../src/index.js'
import { root } from '../lib/openelm.js'
import { runTrial } from '../lib/trial.js'
import { installPeer, peerFolder, peerVersion } from './install.js'
import { onnxModel, trainedModel } from './models.js'
import type { Arithmetic } from './transformers/openelm.js'

/** Relative error allowed: sums in f32 differ in order; 8-bit activations cost about a hundredth, a scale a row some more. */
const allowed: Readonly<Record<Arithmetic, number>> = { exact: 1e-5, nbits: 0.05, int8: 0.2 }

const ids = [1, 317, 200, 400, 25, 99, 1000, 1500, 7, 320, 555, 801]

async function ours(file: string): Promise<Float32Array> {
  await using model = await Model.load(file, { threads: 1, isa: 'reference', backend: 'cpu' })
  await using session = model.createSession({ kvType: 'f32' })
  return await session.evaluate(ids, { logits: 'all' })
}

async function theirs(folder: string, dtype: string): Promise<number[]> {
  const options = { model: folder, dtype, threads: 1, ids }
  const script = join(peerFolder('transformers'), 'trial.mjs')
  return ((await runTrial(script, [JSON.stringify(options)], { cwd: root })) as number[][]).flat()
}

try {
  installPeer('transformers')
} catch (error) {
  console.error(`transformers.js could not be installed: ${error instanceof Error ? error.message : error}`)
  process.exit(3)
}
let differences = 0
for (const [type, dtype] of [
  ['q8_0', 'q8'],
  ['q4_0', 'q4'],
] as const) {
  const file = trainedModel(type)
  const exact = await ours(file)
  for (const arithmetic of ['exact', 'nbits', 'int8'] as const) {
    const logits = await theirs(onnxModel(file, arithmetic), dtype)
    if (logits.length !== exact.length) throw new Error(`${logits.length} logits, not ${exact.length}`)
    const squares = exact.reduce((sum, x, i) => sum + (x - (logits[i] ?? Number.NaN)) ** 2, 0)
    const error = Math.sqrt(squares / exact.reduce((sum, x) => sum + x * x, 0))
    const same = error <= allowed[arithmetic]
    if (!same) differences++
    console.log(
      `${same ? 'same     ' : 'DIFFERENT'} ${type} ${arithmetic}: relative error ${error.toExponential(1)}`,
    )
  }
}
console.log(`transformers.js ${peerVersion('transformers')}: ${differences} different`)
process.exit(differences > 0 ? 1 : 0)
