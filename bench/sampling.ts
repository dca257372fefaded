import { Model } from '../src/engine/model.js'
import { FAMILY_SAMPLING, resolveSampling } from '../src/engine/sampling.js'
import type { SamplingOptions } from '../src/engine/types.js'
import type { NativeBinding, NativeSampling } from '../src/native/binding.js'
import { logitShapes, randomSource } from './lib/made-up.js'
import { digits, summarize } from './lib/stats.js'
import { markdownTable } from './lib/table.js'

const VOCAB = 32_000
const CONTEXT = 512

/** Nothing changes the model's own distribution. */
const plain = { temperature: 1, repeatPenalty: 1 } as const

/** One setting at a time, then what users combine. `family` is what generation does unless told otherwise. */
const settings: Readonly<Record<string, SamplingOptions>> = {
  greedy: { temperature: 0, repeatPenalty: 1 },
  family: {},
  'temperature 0.8': { ...plain, temperature: 0.8 },
  'top_k 40': { ...plain, topK: 40 },
  'top_p 0.95': { ...plain, topP: 0.95 },
  'min_p 0.05': { ...plain, minP: 0.05 },
  'typical_p 0.95': { ...plain, typicalP: 0.95 },
  'repeat penalty 1.2': { ...plain, repeatPenalty: 1.2 },
  'temperature 0.8, top_p 0.95': { ...plain, temperature: 0.8, topP: 0.95 },
  'temperature 0.8, min_p 0.05': { ...plain, temperature: 0.8, minP: 0.05 },
  // llama.cpp's and Ollama's defaults.
  'temperature 0.8, top_k 40, top_p 0.95, min_p 0.05': {
    ...plain,
    temperature: 0.8,
    topK: 40,
    topP: 0.95,
    minP: 0.05,
  },
  'temperature 0.8, top_k 40, top_p 0.9, repeat penalty 1.1': {
    temperature: 0.8,
    topK: 40,
    topP: 0.9,
    repeatPenalty: 1.1,
  },
  everything: {
    temperature: 0.8,
    topK: 1000,
    typicalP: 0.95,
    topP: 0.95,
    minP: 0.05,
    repeatPenalty: 1.2,
    frequencyPenalty: 0.1,
    presencePenalty: 0.1,
  },
}

export interface SamplingBenchOptions {
  readonly threads: number
  /** Seconds for each sampler measurement. */
  readonly seconds: number
  readonly quick: boolean
}

export interface SamplerRow {
  readonly setting: string
  /** Microseconds a token, per shape of logits; caches are warm. */
  readonly microseconds: Readonly<Record<string, number>>
}

/** A generation as a program sees it: every piece is taken by a loop. Microseconds a token. */
export interface GenerationRow {
  readonly setting: string
  readonly decode: number
  /** What the loop spends on sampling, history, text and handing it over, with the caches a forward pass leaves. */
  readonly sample: number
  /** How long the JavaScript thread is awake. Where it takes a core from sampling, that time is in both. */
  readonly javascript: number
}

export interface SamplingResult {
  readonly samplers: readonly SamplerRow[]
  /** Of a 270M Q4_0. */
  readonly forward: number
  readonly generations: readonly GenerationRow[]
}

const resolve = (options: SamplingOptions): NativeSampling =>
  resolveSampling({ ...options, seed: 1 }, FAMILY_SAMPLING, VOCAB)

/** Microseconds a token of every setting. The draws take turns between several rows of logits of one shape. */
function benchSamplers(native: NativeBinding, seconds: number): SamplerRow[] {
  const shapes = logitShapes(VOCAB)
  const random = randomSource(7)
  const history = Int32Array.from({ length: 256 }, () => Math.floor(random() * VOCAB))
  return Object.entries(settings).map(([setting, options]) => {
    const sampling = resolve(options)
    const microseconds = Object.fromEntries(
      Object.entries(shapes).map(([shape, rows]) => {
        const draws = 40
        const samples: number[] = []
        const end = performance.now() + seconds * 1000
        do {
          const start = performance.now()
          for (const logits of rows) native.sampleDraws(logits, history, sampling, draws)
          samples.push(((performance.now() - start) * 1000) / (draws * rows.length))
        } while (performance.now() < end)
        return [shape, summarize(samples).median]
      }),
    )
    return { setting, microseconds }
  })
}

/** Generates with a synthetic 270M: its logits are nearly flat, and every token has text. */
async function benchGenerations(threads: number, quick: boolean): Promise<Omit<SamplingResult, 'samplers'>> {
  const tokens = quick ? 8 : CONTEXT / 4
  const model = await Model.synthetic('270M', { type: 'q4_0', threads, backend: 'cpu' })
  try {
    const session = model.createSession({ nCtx: CONTEXT })
    const generate = async (options: SamplingOptions): Promise<Omit<GenerationRow, 'setting'>> => {
      session.truncate(0)
      const before = performance.eventLoopUtilization()
      const generation = session.generate([model.bos], {
        ...options,
        seed: 1,
        maxTokens: tokens,
        ignoreEos: true,
      })
      let length = 0
      for await (const piece of generation) length += piece.length
      const { timings, text } = await generation.result
      if (text.length !== length) throw new Error('Pieces of the text are missing')
      const scale = 1e6 / (tokens - 1)
      return {
        decode: timings.decodeSeconds * scale,
        sample: timings.sampleSeconds * scale,
        javascript: (performance.eventLoopUtilization(before).active * 1000) / tokens,
      }
    }
    // A control token has no text: nothing is handed over, and JavaScript sleeps.
    const silent = { ...settings.greedy, logitBias: { [model.bos]: 1e9 } }
    const forward: number[] = []
    const runs = new Map<string, Omit<GenerationRow, 'setting'>[]>()
    await generate(silent)
    // Turns, so that a slow spell of the machine meets all of them.
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      const { decode, sample } = await generate(silent)
      forward.push(decode - sample)
      for (const [setting, options] of Object.entries(settings)) {
        const known = runs.get(setting) ?? []
        known.push(await generate(options))
        runs.set(setting, known)
      }
    }
    const alone = summarize(forward).median
    const generations = [...runs].map(([setting, samples]) => {
      const decode = summarize(samples.map((run) => run.decode)).median
      const sample = summarize(samples.map((run) => run.sample)).median
      const javascript = summarize(samples.map((run) => run.javascript)).median
      return { setting, decode, sample, javascript }
    })
    return { forward: alone, generations }
  } finally {
    await model.dispose()
  }
}

/** What is not the forward pass: every sampler setting alone, then inside generations. */
export async function benchSampling(
  native: NativeBinding,
  { threads, seconds, quick }: SamplingBenchOptions,
): Promise<SamplingResult> {
  const samplers = benchSamplers(native, seconds)
  return { samplers, ...(await benchGenerations(threads, quick)) }
}

export const samplingTables = ({ samplers, forward, generations }: SamplingResult): string => {
  const shapes = Object.keys(samplers[0]?.microseconds ?? {})
  const percent = (part: number): string => `${((100 * part) / forward).toFixed(1)} %`
  return [
    markdownTable(
      ['sampler, µs a token', ...shapes],
      samplers.map(({ setting, microseconds }) => [
        setting,
        ...shapes.map((shape) => digits(microseconds[shape] as number)),
      ]),
    ),
    markdownTable(
      [`generation, µs a token`, 'decoding', 'sampling and text', 'of the pass', 'JavaScript', 'of the pass'],
      [
        ['forward pass alone', digits(forward), '', '', '', ''],
        ...generations.map(({ setting, decode, sample, javascript }) => [
          setting,
          digits(decode),
          digits(sample),
          percent(sample),
          digits(javascript),
          percent(javascript),
        ]),
      ],
    ),
  ].join('\n\n')
}
