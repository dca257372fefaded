import * as z from 'zod'
import {
  activationsSchema,
  backendSchema,
  gpuLayersSchema,
  isaSchema,
  kvTypeSchema,
  MAX_CONTEXT,
  nBatchSchema,
  threadsSchema,
} from '../../engine/options.js'
import { integer } from '../../engine/sampling.js'
import { sizeSchema, typeSchema } from '../../engine/synthetic.js'
import { flag, mmapOptions, numeric, option } from '../options.js'
import { FORMATS } from './format.js'

/** The items of a list: an option may be repeated, and each may hold several separated by commas. */
const items = (given: unknown) =>
  Array.isArray(given) ? given.flatMap((text) => String(text).split(',')) : given

const words = <S extends z.ZodType>(schema: S) => z.preprocess(items, z.array(schema).optional())
const numbers = <S extends z.ZodType<number>>(schema: S) =>
  z.preprocess((given) => {
    const list = items(given)
    return Array.isArray(list) ? list.map((text) => (/^\d+$/.test(text) ? Number(text) : text)) : list
  }, z.array(schema).optional())

const tokens = integer(0, MAX_CONTEXT)
const pair = z
  .string()
  .regex(/^\d+,\d+$/, { error: 'two numbers such as 512,128' })
  .transform((text) => {
    const [nPrompt = 0, nGen = 0] = text.split(',').map(Number)
    return { nPrompt, nGen }
  })

const list = { repeat: true }

export const testOptions = {
  nPrompt: option(
    '-p, --n-prompt <n>',
    'prompt tokens to evaluate: ppN (default: 512; 0 is none)',
    numbers(tokens),
    list,
  ),
  nGen: option('-n, --n-gen <n>', 'tokens to generate: tgN (default: 128; 0 is none)', numbers(tokens), list),
  pg: option(
    '--pg <p,n>',
    'both, one after the other: ppP+tgN; also written -pg',
    z.array(pair).optional(),
    list,
  ),
  depth: option('-d, --n-depth <n>', 'tokens in the context before it (default: 0)', numbers(tokens), list),
  repetitions: option('-r, --repetitions <n>', 'runs of each test (default: 5)', numeric(integer(1, 1000))),
  noWarmup: flag('--no-warmup', 'leave out the run before the first that counts'),
} as const

export const subjectOptions = {
  model: option(
    '-m, --model <model>',
    'GGUF file or name of a model (default: OPENELM_MODEL, else\nthe model that ships with openelm)',
    z.array(z.string().min(1, { error: 'the path or name of a model' })).optional(),
    list,
  ),
  yes: flag('-y, --yes', 'download a model that is not here without asking'),
  synthetic: option(
    '--synthetic <size>',
    'instead of a file random weights in the shape of 270M,\n450M, 1.1B or 3B, made in memory',
    words(sizeSchema),
    list,
  ),
  type: option(
    '--type <type>',
    'type of synthetic weights: q8_0, q4_0, f16, bf16 or f32\n(default: q8_0)',
    words(typeSchema),
    list,
  ),
  threads: option(
    '-t, --threads <n>',
    'worker threads (default: OPENELM_THREADS, else the\nphysical cores)',
    numbers(threadsSchema),
    list,
  ),
  isa: option(
    '--isa <name>',
    'kernels: reference, avx2, avx512, amx or neon (default:\nOPENELM_ISA, else the best this machine runs)',
    words(isaSchema),
    list,
  ),
  activations: option(
    '--activations <form>',
    'of prompts on the CPU: auto, or int8, which is faster and\nless precise (default: auto)',
    words(activationsSchema),
    list,
  ),
  backend: option(
    '--backend <name>',
    'what computes: cpu, cuda, metal or auto (default:\nOPENELM_BACKEND, else auto: a GPU that works, else the CPU)',
    words(backendSchema),
    list,
  ),
  gpuLayers: option(
    '--gpu-layers <n>',
    'layers the GPU computes, the CPU the rest; also -ngl\n(default: OPENELM_GPU_LAYERS, else all)',
    numbers(gpuLayersSchema),
    list,
  ),
  ...mmapOptions,
  kvType: option(
    '--kv-type <type>',
    'type of the kv cache: f16, f32 or q8_0 (default: f16)',
    words(kvTypeSchema),
    list,
  ),
  batchSize: option(
    '-b, --batch-size <n>',
    'prompt tokens evaluated at once (default: 512; on a GPU\n2048)',
    numbers(nBatchSchema),
    list,
  ),
} as const

export const outputOptions = {
  output: option(
    '-o, --output <format>',
    'md, json, jsonl or csv (default: md)',
    z.enum(FORMATS, { error: `one of ${FORMATS.join(', ')}` }).default('md'),
  ),
} as const
