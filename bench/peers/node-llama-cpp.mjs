// One trial of node-llama-cpp, in a process of its own. Prints JSON.
//
//   node node-llama-cpp.mjs speed MODEL THREADS PP TG REPETITIONS     {"prefill": [tokens/s…], "decode": [tokens/s…]}
//   node node-llama-cpp.mjs greedy MODEL THREADS < [{"ids": […], "maxTokens": N}…]   [{"ids": […], "text": "…"}…]
//
// Its prebuilt binary, CPU only, flash attention on (its fastest setting here), batches of 512.

import { readFileSync } from 'node:fs'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const [mode, modelPath, threadsText, ...rest] = process.argv.slice(2)
const threads = Number(threadsText)

const llama = await getLlama({
  gpu: false,
  build: 'never',
  usePrebuiltBinaries: true,
  maxThreads: threads,
  logLevel: LlamaLogLevel.error,
})
const model = await llama.loadModel({ modelPath })
const context = await model.createContext({ flashAttention: true, threads, batchSize: 512 })
const sequence = context.getSequence()

/** Any ids of the vocabulary will do: speed does not depend on them. */
const someIds = (count) => Array.from({ length: count }, (_, i) => 10 + ((i * 37) % 4000))

async function seconds(work) {
  const start = process.hrtime.bigint()
  await work()
  return Number(process.hrtime.bigint() - start) / 1e9
}

async function prefill(count) {
  await sequence.clearHistory()
  return count / (await seconds(() => sequence.evaluateWithoutGeneratingNewTokens(someIds(count))))
}

async function decode(count) {
  await sequence.clearHistory()
  const tokens = sequence.evaluate([model.tokens.bos ?? 1], { temperature: 0, yieldEogToken: true })
  const time = await seconds(async () => {
    for (let i = 0; i < count; i++) await tokens.next()
  })
  await tokens.return()
  return count / time
}

async function speed(pp, tg, repetitions) {
  await prefill(Math.min(pp, 64))
  await decode(Math.min(tg, 8))
  const result = { prefill: [], decode: [] }
  for (let i = 0; i < repetitions; i++) {
    if (pp > 0) result.prefill.push(await prefill(pp))
    if (tg > 0) result.decode.push(await decode(tg))
  }
  return result
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

if (mode === 'speed') {
  console.log(JSON.stringify(await speed(...rest.map(Number))))
} else if (mode === 'greedy') {
  const results = []
  for (const prompt of JSON.parse(readFileSync(0, 'utf8'))) results.push(await greedy(prompt))
  console.log(JSON.stringify(results))
} else {
  throw new Error(`unknown mode ${mode}`)
}
process.exit(0)
