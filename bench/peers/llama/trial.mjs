// One trial of node-llama-cpp, in a process of its own; see ../harness.mjs. "module" names another copy of it to import.
// With "prompts": [{"ids", "maxTokens"}…] instead of tests it prints greedy continuations: [{"ids", "text"}…].
//
// Its prebuilt binary, flash attention on (its fastest setting here). On the CPU batches of 512; with "gpu": "cuda" or "metal"
// every layer is on the GPU, and batches are of 2,048.

import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { finish, now, someIds, speed } from '../harness.mjs'

const options = JSON.parse(process.argv[2])
const { threads, gpu = false } = options
const batchSize = gpu ? 2048 : 512
const { getLlama, LlamaLogLevel } = await import(
  options.module ? pathToFileURL(options.module).href : 'node-llama-cpp'
)
const llama = await getLlama({
  gpu,
  build: 'never',
  usePrebuiltBinaries: true,
  maxThreads: threads,
  logLevel: LlamaLogLevel.error,
})
const model = await llama.loadModel({ modelPath: options.model, ...(gpu && { gpuLayers: 'max' }) })
const longest = Math.max(
  batchSize,
  ...(options.tests ?? []).map(({ prompt, gen, depth }) => prompt + gen + depth),
)
// Some room beyond: it shifts a context that is nearly full.
const context = await model.createContext({
  flashAttention: true,
  threads,
  batchSize,
  contextSize: longest + 64,
})
const sequence = context.getSequence()

/** Which of its CPU builds was loaded; the GPU's backend where there is one. */
function backend() {
  if (llama.gpu) return llama.gpu
  try {
    return /ggml-cpu-(\w+)\.so/.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}

const engine = {
  backend: backend(),
  async evaluate(ids) {
    await sequence.clearHistory()
    await sequence.evaluateWithoutGeneratingNewTokens(ids)
  },
  async fill(depth) {
    await sequence.clearHistory()
    if (depth > 0) await sequence.evaluateWithoutGeneratingNewTokens(someIds(depth))
  },
  async generate(depth, count) {
    const tokens = sequence.evaluate([model.tokens.bos ?? 1], { temperature: 0, yieldEogToken: true })
    const start = now()
    for (let i = 0; i < count; i++) await tokens.next()
    const time = now() - start
    await tokens.return()
    await sequence.eraseContextTokenRanges([{ start: depth, end: sequence.nextTokenIndex }])
    return time
  },
}

async function greedy({ ids, maxTokens }) {
  await sequence.clearHistory()
  const out = []
  for await (const id of sequence.evaluate(ids, { temperature: 0 })) {
    out.push(id)
    if (out.length === maxTokens) break
  }
  return { ids: out, text: model.detokenize(out) }
}

if (options.prompts) {
  const results = []
  for (const prompt of options.prompts) results.push(await greedy(prompt))
  finish(results)
} else {
  finish(await speed(options, engine))
}
