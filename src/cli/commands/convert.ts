import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { instructTemplate } from '../../convert/chat-template.js'
import { type ConvertResult, convertModel } from '../../convert/convert.js'
import { type TargetType, targetTypes } from '../../convert/plan.js'
import { OpenElmError } from '../../errors.js'
import type { CommandContext, CommandModule } from '../command.js'
import { formatBytes, formatCount } from '../format.js'
import { definedOnly, flag, option, readOptions } from '../options.js'
import { progressBar } from '../progress.js'
import { EXIT, printable } from '../report-error.js'

const typeError = { error: `one of ${targetTypes.join(', ')}` }

const outputOptions = {
  output: option(
    '-o, --output <path>',
    'the GGUF file to write (required)',
    z.string({ error: 'the path of the GGUF file to write' }).min(1),
  ),
  type: option(
    '--type <type>',
    'type of the weights: q8_0 (default), q4_0, f16, bf16 or f32',
    z.enum(targetTypes as [TargetType, ...TargetType[]], typeError).default('q8_0'),
  ),
  force: flag('--force', 'replace the output if it exists'),
  quiet: flag('-q, --quiet', 'no progress bar and no summary'),
} as const

const contentOptions = {
  config: option(
    '--config <file>',
    "the checkpoint's config.json (default: the one beside the\nweights; for .pt else the published size of the same shapes)",
    z.string().min(1).optional(),
  ),
  name: option(
    '--name <text>',
    "the model's name (default: its folder's, or the GGUF file's)",
    z.string().optional(),
  ),
  license: option('--license <text>', 'its licence (default: what the source says)', z.string().optional()),
  chatTemplate: option(
    '--chat-template <what>',
    "auto: the source's own, else for Instruct checkpoints that of\nOpenELM-Instruct (default); instruct; none; or a file of Jinja",
    z.string().min(1).default('auto'),
  ),
} as const

const specs = { ...outputOptions, ...contentOptions }

export const command: CommandModule = {
  help: {
    usage: ['openelm convert SRC -o OUT [OPTION…]'],
    about: `Turns a checkpoint into a GGUF file that openelm and other GGUF programs run. SRC is the folder of a
Hugging Face repository or of an MLX model (16 bits, or 4 and 8 bits in groups), its .safetensors
file, a .pt file of CoreNet, or a GGUF file to be requantized.`,
    groups: { Output: outputOptions, Content: contentOptions },
    after: `The output is written under a temporary name and renamed when it is complete. A checkpoint without
a tokenizer, as Apple's are, gets that of Llama 2, which OpenELM was trained with. Norms stay f32.

Examples:
  openelm convert ./OpenELM-270M-Instruct -o 270m.gguf
  openelm convert ./OpenELM-3B -o 3b.gguf --type q4_0
  openelm convert checkpoint_average.pt -o 270m.gguf --name OpenELM-270M
  openelm convert 1.1b-f16.gguf -o 1.1b-q4.gguf --type q4_0`,
  },
  define: (parser) => parser.argument('<src>').allowExcessArguments(false),
  run,
}

async function run({ args, raw, signal }: CommandContext): Promise<number> {
  const [source = ''] = args
  const options = readOptions(specs, raw)
  const bar = options.quiet ? undefined : progressBar(process.stderr)
  let result: ConvertResult
  try {
    result = await convertModel({
      source,
      output: options.output,
      type: options.type,
      overwrite: options.force ?? false,
      signal,
      ...definedOnly({
        config: options.config,
        name: options.name,
        license: options.license,
        chatTemplate: chatTemplateText(options.chatTemplate),
        onProgress: bar && (({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes)),
      }),
    })
  } finally {
    bar?.stop()
  }
  if (!options.quiet) process.stderr.write(summary(result, options.type))
  return EXIT.done
}

/** Undefined leaves what the source has. */
function chatTemplateText(what: string): string | undefined {
  switch (what) {
    case 'auto':
      return undefined
    case 'none':
      return ''
    case 'instruct':
      return instructTemplate
  }
  try {
    return readFileSync(what, 'utf8')
  } catch (cause) {
    throw new OpenElmError('E_FILE_READ', `The chat template ${what} could not be read.`, {
      why: cause instanceof Error ? `${cause.message}.` : String(cause),
      next: 'Use auto, instruct, none, or the path of a Jinja file.',
      cause,
    })
  }
}

function summary(
  { output, bytes, tensors, parameters, name, notes }: ConvertResult,
  type: TargetType,
): string {
  const model = `${name ?? 'model'}, ${formatCount(parameters)} parameters`
  const lines = [`${output}: ${model}, ${tensors} tensors, ${type}, ${formatBytes(bytes)}`, ...notes]
  return lines.map((line) => `${printable(line)}\n`).join('')
}
