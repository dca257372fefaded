import { type Command, Option } from 'commander'
import * as z from 'zod'
import * as engine from '../engine/options.js'
import { samplingSchemas } from '../engine/sampling.js'
import { validate } from '../engine/validate.js'

/** One option of the command line: how it is written, what help says, and the schema its text must satisfy. */
export interface OptionSpec<S extends z.ZodType = z.ZodType> {
  /** As commander reads them: `-t, --threads <n>`, `--stats`, `--no-chat`. */
  readonly flags: string
  /** Help text; a newline continues on the next line of the right-hand column. */
  readonly about: string
  readonly schema: S
  /** May be given several times; the schema sees an array. */
  readonly repeat?: boolean
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

/** Values by the names of the specs; an option that was not given is undefined unless its schema has a default. */
export type OptionValues<T extends OptionSpecs> = { [K in keyof T]: z.output<T[K]['schema']> }

export const option = <S extends z.ZodType>(
  flags: string,
  about: string,
  schema: S,
  extra: { readonly repeat?: boolean } = {},
): OptionSpec<S> => ({ flags, about, schema, ...extra })

/** Text that is a number becomes one; anything else stays, to be named in the error. */
const toNumber = (text: unknown) =>
  typeof text === 'string' && /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text
const toBigInt = (text: unknown) => (typeof text === 'string' && /^\d+$/.test(text) ? BigInt(text) : text)

/** A schema of the engine, reading the text of an option; the option may be left out. */
export const numeric = <S extends z.ZodType>(schema: S) => z.preprocess(toNumber, schema.optional())

/** An option without a value. */
export const flag = (flags: string, about: string) => option(flags, about, z.boolean().optional())

/** `15043+1.5`, `15043-2` or `15043-inf`, as llama.cpp writes them. */
const logitBiasSchema = z
  .array(
    z.string().regex(/^\d+[-+](\d+\.?\d*|\.\d+|inf)$/, { error: 'ID+BIAS or ID-BIAS, such as 15043-1.5' }),
  )
  .transform((items) =>
    Object.fromEntries(
      items.map((item) => {
        const at = item.search(/[-+]/)
        return [Number(item.slice(0, at)), Number(item.slice(at).replace('inf', 'Infinity'))] as const
      }),
    ),
  )
  .optional()

/** Where weights are. */
export const mmapOptions = {
  mmap: flag('--mmap', 'use the weights where the file is mapped (default)'),
  noMmap: flag(
    '--no-mmap',
    'read the weights into memory, in huge pages: large models\ndecode faster on virtual machines',
  ),
} as const

/** Which model, and what runs it. */
export const modelOptions = {
  model: option(
    '-m, --model <model>',
    'GGUF file, short name such as 270m-instruct, or owner/name\non the Hugging Face Hub (default: OPENELM_MODEL, else the\nmodel that ships with openelm)',
    z.string().min(1, { error: 'the path or name of a model' }).optional(),
  ),
  yes: flag('-y, --yes', 'download a model that is not here without asking'),
  threads: option(
    '-t, --threads <n>',
    'worker threads (default: OPENELM_THREADS, else the\nphysical cores)',
    numeric(engine.threadsSchema),
  ),
  isa: option(
    '--isa <name>',
    'kernels: reference, avx2, avx512, amx or neon (default:\nOPENELM_ISA, else the best this machine runs)',
    engine.isaSchema.optional(),
  ),
  activations: option(
    '--activations <form>',
    'of prompts on the CPU: auto, or int8, which is faster and\nless precise (default: auto)',
    engine.activationsSchema.optional(),
  ),
  backend: option(
    '--backend <name>',
    'what computes: cpu, cuda, metal or auto (default:\nOPENELM_BACKEND, else auto: a GPU that works, else the CPU)',
    engine.backendSchema.optional(),
  ),
  gpuLayers: option(
    '--gpu-layers <n>',
    'layers the GPU computes, the CPU the rest; also -ngl\n(default: OPENELM_GPU_LAYERS, else all)',
    numeric(engine.gpuLayersSchema),
  ),
  ...mmapOptions,
} as const

/** Other ways to write options of models. */
export const modelSpellings = { '-ngl': '--gpu-layers' } as const

/** The size and form of the context. */
export const contextOptions = {
  ctxSize: option(
    '-c, --ctx-size <n>',
    'context length in tokens (default: what the model was\ntrained for)',
    numeric(engine.nCtxSchema),
  ),
  kvType: option(
    '--kv-type <type>',
    'type of the kv cache: f16, f32 or q8_0 (default: f16)',
    engine.kvTypeSchema.optional(),
  ),
  batchSize: option(
    '-b, --batch-size <n>',
    'prompt tokens evaluated at once (default: 512; on a GPU\n2048)',
    numeric(engine.nBatchSchema),
  ),
} as const

/** How the next token is chosen. Defaults are the model's own where its file has some. */
export const samplingOptions = {
  temp: option(
    '--temp <x>',
    'temperature; 0 always takes the likeliest token (default: 0)',
    numeric(samplingSchemas.temperature),
  ),
  topK: option(
    '--top-k <n>',
    'only the n likeliest tokens; 0 is all (default: 0)',
    numeric(samplingSchemas.topK),
  ),
  topP: option(
    '--top-p <x>',
    'only the likeliest tokens of total probability x (default: 1)',
    numeric(samplingSchemas.topP),
  ),
  minP: option(
    '--min-p <x>',
    'only tokens at least x times as likely as the likeliest\n(default: 0)',
    numeric(samplingSchemas.minP),
  ),
  typicalP: option(
    '--typical-p <x>',
    'locally typical tokens of total probability x (default: 1)',
    numeric(samplingSchemas.typicalP),
  ),
  repeatPenalty: option(
    '--repeat-penalty <x>',
    'make tokens that occurred less likely; 1 is off (default:\n1.2, as Apple recommends)',
    numeric(samplingSchemas.repeatPenalty),
  ),
  repeatLastN: option(
    '--repeat-last-n <n>',
    'how far back penalties look; -1 is the whole context\n(default: 256)',
    numeric(samplingSchemas.penaltyLastN),
  ),
  frequencyPenalty: option(
    '--frequency-penalty <x>',
    'lower a token by x for each occurrence (default: 0)',
    numeric(samplingSchemas.frequencyPenalty),
  ),
  presencePenalty: option(
    '--presence-penalty <x>',
    'lower a token that occurred by x (default: 0)',
    numeric(samplingSchemas.presencePenalty),
  ),
  logitBias: option(
    '--logit-bias <id±x>',
    'raise or lower one token, such as 15043-1.5 or 15043-inf;\nrepeatable',
    logitBiasSchema,
    { repeat: true },
  ),
  seed: option(
    '-s, --seed <n>',
    'the same seed gives the same text (default: random)',
    z.preprocess(toBigInt, samplingSchemas.seed.optional()),
  ),
} as const

/** The sampling options in the names of the library, leaving out what was not given. */
export function toSampling(values: OptionValues<typeof samplingOptions>) {
  const { temp, repeatLastN, ...same } = values
  return definedOnly({
    ...pick(same, [
      'topK',
      'topP',
      'minP',
      'typicalP',
      'repeatPenalty',
      'frequencyPenalty',
      'presencePenalty',
    ]),
    ...pick(same, ['seed', 'logitBias']),
    temperature: temp,
    penaltyLastN: repeatLastN,
  })
}

/** The options of a session in the names of the library, leaving out what was not given. */
export function toSessionOptions(values: OptionValues<typeof contextOptions>) {
  return definedOnly({ nCtx: values.ctxSize, kvType: values.kvType, nBatch: values.batchSize })
}

const LOAD_OPTIONS = ['threads', 'isa', 'activations', 'backend', 'gpuLayers', 'mmap'] as const

/** The options of loading in the names of the library, leaving out what was not given. */
export function toLoadOptions(
  values: Pick<OptionValues<typeof modelOptions>, (typeof LOAD_OPTIONS)[number]>,
) {
  return definedOnly(pick(values, LOAD_OPTIONS))
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** A copy without the properties that are undefined. */
export function definedOnly<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>
}

function pick<T extends object, K extends keyof T>(values: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, values[key]])) as Pick<T, K>
}

/** The name under which commander keeps an option. */
const attributeOf = (spec: OptionSpec) => new Option(spec.flags).attributeName()

/** Declares options on a commander command. */
export function addOptions(command: Command, specs: OptionSpecs): void {
  for (const spec of Object.values(specs)) {
    const definition = new Option(spec.flags)
    if (spec.repeat) {
      definition.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    }
    command.addOption(definition)
  }
}

/**
 * Checks what commander parsed against the schemas.
 * @throws OpenElmError E_USAGE, naming the option as it is written: "Expected … for --threads but received "0"."
 */
export function readOptions<T extends OptionSpecs>(
  specs: T,
  raw: Readonly<Record<string, unknown>>,
): OptionValues<T> {
  const values = Object.entries(specs).map(([name, spec]) => {
    const long = spec.flags.match(/--[a-z-]+/)?.[0] ?? name
    return [name, validate(spec.schema, raw[attributeOf(spec)], long)] as const
  })
  return Object.fromEntries(values) as OptionValues<T>
}
