// npm run check:peers: node-llama-cpp loads the Q8_0 and Q4_0 files that convert writes and continues the recorded prompts
// as openelm does, token for token, up to where rounding may decide. Exits 1 on a difference, 3 when node-llama-cpp cannot
// be installed.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Model } from '../../src/index.js'
import { root } from '../lib/openelm.js'
import { runTrial } from '../lib/trial.js'
import { installPeer, peerFolder, peerVersion } from './install.js'
import { trainedModel } from './models.js'

/** Relative error of logits that plain int8 activations cost: the peer's, not ours. */
const peerError = 5e-2

interface Recorded {
  readonly user: string
  readonly prompt_ids: readonly number[]
  readonly ids: readonly number[]
}

interface Continuation {
  readonly ids: readonly number[]
  readonly text: string
}

const golden = JSON.parse(readFileSync(join(root, 'test/golden/lexicon/golden/golden.json'), 'utf8')) as {
  greedy: readonly Recorded[]
}
const prompts = golden.greedy.map(({ prompt_ids, ids }) => ({ ids: prompt_ids, maxTokens: ids.length + 8 }))

async function theirs(file: string): Promise<readonly Continuation[]> {
  const options = { model: file, threads: 1, prompts }
  const script = join(peerFolder('llama'), 'trial.mjs')
  return (await runTrial(script, [JSON.stringify(options)], { cwd: root })) as Continuation[]
}

/** How far apart the two largest logits after `ids` are, and how far the peer's error can move them towards each other. */
async function margin(model: Model, ids: readonly number[]): Promise<{ gap: number; error: number }> {
  await using session = model.createSession()
  const logits = await session.evaluate(ids, { logits: 'last' })
  const [first = 0, second = 0] = [...logits].sort((a, b) => b - a)
  const rms = Math.sqrt(logits.reduce((sum, x) => sum + x * x, 0) / logits.length)
  return { gap: first - second, error: Math.SQRT2 * peerError * rms }
}

let differences = 0
try {
  installPeer('llama')
} catch (error) {
  console.error(`node-llama-cpp could not be installed: ${error instanceof Error ? error.message : error}`)
  process.exit(3)
}
for (const type of ['q8_0', 'q4_0']) {
  const file = trainedModel(type)
  const peers = await theirs(file)
  await using model = await Model.load(file, { threads: 1, backend: 'cpu' })
  for (const [index, { ids, maxTokens }] of prompts.entries()) {
    await using session = model.createSession()
    const { tokens } = await session.generate([...ids], { temperature: 0, repeatPenalty: 1, maxTokens })
      .result
    const [mine, other] = [[...tokens], [...(peers[index]?.ids ?? [])]]
    const label = `${type} "${golden.greedy[index]?.user}"`
    const at = mine.findIndex((id, i) => id !== other[i])
    if (at === -1 && mine.length === other.length) {
      console.log(`same       ${label}: ${mine.length} tokens`)
      continue
    }
    const { gap, error } = await margin(model, [...ids, ...mine.slice(0, at === -1 ? other.length : at)])
    const close = gap < error
    if (!close) differences++
    console.log(
      `${close ? 'close call' : 'DIFFERENT '} ${label}: from token ${at}, gap ${gap.toFixed(3)}, rounding ${error.toFixed(3)}`,
    )
    console.log(`  openelm:        ${model.detokenize(mine)}\n  node-llama-cpp: ${peers[index]?.text}`)
  }
}
console.log(
  `${prompts.length * 2} prompts against node-llama-cpp ${peerVersion('llama')}: ${differences} different`,
)
process.exit(differences > 0 ? 1 : 0)
