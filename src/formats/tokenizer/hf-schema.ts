import * as z from 'zod'

const id = z.int().min(0)

/** `{"String": " "}` or `{"Regex": ...}`. */
const pattern = z.object({ String: z.string().optional(), Regex: z.string().optional() })

const step = z.looseObject({
  type: z.string(),
  prepend: z.string().optional(),
  pattern: pattern.optional(),
  content: z.string().optional(),
  replacement: z.string().optional(),
  prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
  add_prefix_space: z.boolean().optional(),
  split: z.boolean().optional(),
})

/** A normalizer or pre-tokenizer: one step or a sequence of them. */
const pipeline = z
  .union([
    z.object({ type: z.literal('Sequence'), normalizers: z.array(step) }).transform((it) => it.normalizers),
    z
      .object({ type: z.literal('Sequence'), pretokenizers: z.array(step) })
      .transform((it) => it.pretokenizers),
    step.transform((it) => [it]),
  ])
  .nullish()
  .transform((steps) => steps ?? [])

export type PipelineStep = z.output<typeof step>

/** What is read of Hugging Face's tokenizer.json. */
export const tokenizerJsonSchema = z.object({
  added_tokens: z
    .array(z.object({ id, content: z.string(), special: z.boolean().default(false) }))
    .nullish()
    .transform((tokens) => tokens ?? []),
  normalizer: pipeline,
  pre_tokenizer: pipeline,
  post_processor: z
    .looseObject({
      type: z.string(),
      single: z.array(z.object({ SpecialToken: z.object({ id: z.string() }).optional() })).optional(),
    })
    .nullish(),
  model: z.object({
    type: z.literal('BPE', { error: 'only "BPE" is supported' }).optional(),
    vocab: z.record(z.string(), id),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
    unk_token: z.string().nullish(),
    byte_fallback: z.boolean().nullish(),
    ignore_merges: z.boolean().nullish(),
    continuing_subword_prefix: z.string().nullish(),
    end_of_word_suffix: z.string().nullish(),
  }),
})

export type TokenizerJson = z.output<typeof tokenizerJsonSchema>

const tokenName = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish()

/** What is read of tokenizer_config.json. */
export const tokenizerConfigSchema = z.object({
  bos_token: tokenName,
  eos_token: tokenName,
  unk_token: tokenName,
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
})

export type TokenizerConfig = z.output<typeof tokenizerConfigSchema>
