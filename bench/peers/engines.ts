import { join } from 'node:path'
import type { Activations } from '../../src/index.js'
import { root } from '../lib/openelm.js'
import { runTrial } from '../lib/trial.js'
import { installPeer, type Peer, peerFolder, peerVersion } from './install.js'
import { type Limit, limitedLlama, limits } from './limit.js'
import { onnxModel } from './models.js'
import type { RandomType } from './random-gguf.js'

/** A test in llama-bench's terms: prompt tokens evaluated, or tokens generated in a context of `depth`. */
export interface Test {
  readonly name: string
  readonly prompt: number
  readonly gen: number
  readonly depth: number
}

/** @throws Error for anything but ppN, tgN and tgN@dN */
export function parseTest(name: string): Test {
  const [, kind, count, depth] = /^(pp|tg)([1-9]\d*)(?:@d(\d+))?$/.exec(name) ?? []
  if (!kind || (kind === 'pp' && depth)) throw new Error(`--tests: ${name} is not ppN, tgN or tgN@dN`)
  const [prompt, gen] = kind === 'pp' ? [Number(count), 0] : [0, Number(count)]
  return { name, prompt, gen, depth: Number(depth ?? 0) }
}

/** What one process measured. Memory in bytes: the peak, and the most that no file backs. */
export interface TrialResult {
  readonly backend: string
  /** Tokens a second, a list for each test. */
  readonly samples: readonly (readonly number[])[]
  readonly memory: { readonly peak: number; readonly anonymous: number }
}

export interface TrialOptions {
  readonly file: string
  readonly type: RandomType
  readonly threads: number
  readonly repetitions: number
  readonly tests: readonly Test[]
  /** The variant of ours; limits node-llama-cpp to the same instruction set where it can be. */
  readonly isa: string | undefined
  /** A GPU's backend; default: the CPU. */
  readonly gpu?: 'cuda' | 'metal'
}

export interface Engine {
  readonly title: string
  /** Whether it can run weights of this type. */
  runs(type: RandomType): boolean
  /** Gets what it needs before the first trial: the package, and its form of the model. */
  prepare(file: string, type: RandomType): void
  trial(options: TrialOptions): Promise<TrialResult>
}

async function run(script: string, options: TrialOptions, own: object): Promise<TrialResult> {
  const { file: model, threads, repetitions, tests, gpu } = options
  const given = JSON.stringify({ model, threads, repetitions, tests, gpu, ...own })
  return (await runTrial(script, [given], { cwd: root })) as TrialResult
}

const script = (peer: Peer): string => join(peerFolder(peer), 'trial.mjs')

/** Ours, with activations of prompts carried as its option of that name says. */
export const openelmWith = (activations: Activations): Engine => ({
  title: activations === 'auto' ? 'openelm' : `openelm, ${activations} activations`,
  runs: () => true,
  prepare: () => undefined,
  trial: (options) => run(join(root, 'bench/peers/openelm.mjs'), options, { isa: options.isa, activations }),
})

export const openelm = openelmWith('auto')

const llama: Engine = {
  title: `node-llama-cpp ${peerVersion('llama')}`,
  runs: () => true,
  prepare: () => installPeer('llama'),
  trial(options) {
    const limit = limits.find((name) => name === options.isa) as Limit | undefined
    return run(script('llama'), options, { module: limit && limitedLlama(limit) })
  },
}

/** @param q8 how Q8_0 becomes 8-bit ONNX: as published models are, or block for block */
function transformers(title: string, q8: 'int8' | 'nbits'): Engine {
  const model = (file: string, type: RandomType): string => onnxModel(file, type === 'q8_0' ? q8 : 'nbits')
  return {
    title: `${title} ${peerVersion('transformers')}`,
    runs: (type) => type === 'q8_0' || type === 'q4_0',
    prepare(file, type) {
      installPeer('transformers')
      model(file, type)
    },
    trial: (options) =>
      run(script('transformers'), options, {
        model: model(options.file, options.type),
        dtype: options.type === 'q8_0' ? 'q8' : 'q4',
      }),
  }
}

/** Engines that openelm can be measured against, by the names of --peers. */
export const peerEngines: Readonly<Record<string, Engine>> = {
  llama,
  transformers: transformers('transformers.js', 'int8'),
  'transformers-nbits': transformers('transformers.js, blocks,', 'nbits'),
}
