import { basename, join, resolve } from 'node:path'
import * as z from 'zod'
import { formatError } from '../formats/format-error.js'
import { type GgufValue, gguf } from '../formats/gguf/values.js'
import { readJson, readText } from '../formats/text-file.js'
import { instructTemplate } from './chat-template.js'

/**
 * The name of a checkpoint: that of its folder, or of the repository where the folder is a snapshot in the Hugging
 * Face cache (models--owner--name/snapshots/revision).
 */
export function checkpointName(folder: string): string {
  const path = resolve(folder)
  const cached = /models--[^/\\]+--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(path)
  return cached?.[1] ?? basename(path)
}

const templateText = z.string().max(2 ** 20)
const tokenizerConfigSchema = z.object({
  chat_template: z
    .union([templateText, z.array(z.object({ name: z.string(), template: templateText }))])
    .nullish(),
})

/**
 * Jinja source of a checkpoint's chat template: its own (tokenizer_config.json, chat_template.jinja), else that of
 * OpenELM-Instruct when its name says that it is one, else none.
 */
export function chatTemplateOf(folder: string, name: string): string | undefined {
  const parsed = tokenizerConfigSchema.safeParse(readJson(folder, 'tokenizer_config.json') ?? {})
  if (!parsed.success) {
    throw formatError(
      join(folder, 'tokenizer_config.json'),
      'Its "chat_template" is neither text nor a list.',
    )
  }
  const own = parsed.data.chat_template
  if (typeof own === 'string') return own
  const listed = own?.find((entry) => entry.name === 'default') ?? own?.[0]
  if (listed) return listed.template
  return readText(folder, 'chat_template.jinja') ?? (/instruct/i.test(name) ? instructTemplate : undefined)
}

const generationSchema = z
  .object({
    temperature: z.number(),
    top_k: z.int(),
    top_p: z.number(),
    min_p: z.number(),
    repetition_penalty: z.number(),
    do_sample: z.boolean(),
  })
  .partial()

/** Sampling that generation_config.json recommends, under the keys llama.cpp has for it. */
export function samplingMetadata(folder: string): [string, GgufValue][] {
  const parsed = generationSchema.safeParse(readJson(folder, 'generation_config.json') ?? {})
  if (!parsed.success) return []
  const { temperature, top_k, top_p, min_p, repetition_penalty, do_sample } = parsed.data
  const found: [string, GgufValue][] = []
  const add = (key: string, value: number | undefined, make: (value: number) => GgufValue) => {
    if (value !== undefined) found.push([`general.sampling.${key}`, make(value)])
  }
  add('top_k', top_k, (value) => ({ type: 'int32', value }))
  add('top_p', top_p, gguf.float32)
  add('min_p', min_p, gguf.float32)
  add('temp', do_sample === false ? 0 : temperature, gguf.float32)
  add('penalty_repeat', repetition_penalty, gguf.float32)
  return found
}

/** The licence that the front matter of a checkpoint's README.md names. */
export function licenseMetadata(folder: string): [string, GgufValue][] {
  const readme = readText(folder, 'README.md') ?? ''
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme)?.[1] ?? ''
  const field = (name: string) =>
    new RegExp(`^${name}:[ \\t]*["']?([^"'\\r\\n#]+?)["']?[ \\t]*$`, 'm').exec(front)?.[1]
  const found: [string, GgufValue][] = []
  for (const [field_, key] of [
    ['license', 'general.license'],
    ['license_name', 'general.license.name'],
    ['license_link', 'general.license.link'],
  ] as const) {
    const value = field(field_)
    if (value) found.push([key, gguf.string(value)])
  }
  return found
}

/** Parameters in two or three digits, as in the names of models: 272M, 5.8M, 1.1B. */
export function sizeLabel(parameters: number): string {
  const [scale, unit] = parameters >= 1e9 ? [1e9, 'B'] : parameters >= 1e6 ? [1e6, 'M'] : [1e3, 'K']
  const value = parameters / scale
  return `${value.toFixed(value >= 9.5 ? 0 : 1)}${unit}`
}
