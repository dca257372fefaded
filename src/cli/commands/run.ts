import * as z from 'zod'
import { renderChat } from '../../engine/chat/template.js'
import { Model } from '../../engine/model.js'
import { maxTokensSchema, stopSchema } from '../../engine/options.js'
import type { ChatMessage, GenerateResult } from '../../engine/types.js'
import { OpenElmError } from '../../errors.js'
import type { CommandContext, CommandModule } from '../command.js'
import { modelAndPrompt, resolveModel } from '../model-argument.js'
import {
  contextOptions,
  definedOnly,
  flag,
  modelOptions,
  numeric,
  type OptionValues,
  option,
  readOptions,
  samplingOptions,
  toLoadOptions,
  toSampling,
  toSessionOptions,
} from '../options.js'
import { Output } from '../output.js'
import { EXIT } from '../report-error.js'
import { readPrompt } from '../run/read-prompt.js'
import { jsonReport, statsReport } from '../run/report.js'

const text = z.string().optional()

const promptOptions = {
  file: option('-f, --file <path>', 'read the prompt from a file; - is standard input', text),
  system: option('--system <text>', 'system message of the chat template', text),
  chat: flag('--chat', 'put the prompt into the chat template (default: where\nthe model has one)'),
  noChat: flag('--no-chat', 'continue the prompt as plain text'),
} as const

const outputOptions = {
  maxTokens: option(
    '-n, --max-tokens <n>',
    'most tokens to generate (default: until the model ends or\nthe context is full)',
    numeric(maxTokensSchema),
  ),
  stop: option(
    '--stop <text>',
    'end before this text would appear; repeatable',
    z.array(stopSchema).optional(),
    {
      repeat: true,
    },
  ),
  ignoreEos: flag('--ignore-eos', 'go on after the end-of-text token'),
  json: flag('--json', 'print one JSON object at the end instead of the text'),
  stats: flag('--stats', 'print tokens, speed and finish reason on stderr'),
} as const

const groups = {
  Prompt: promptOptions,
  Output: outputOptions,
  Model: modelOptions,
  Context: contextOptions,
  Sampling: samplingOptions,
} as const

const specs = { ...promptOptions, ...outputOptions, ...modelOptions, ...contextOptions, ...samplingOptions }
type RunOptions = OptionValues<typeof specs>

export const command: CommandModule = {
  help: {
    usage: ['openelm run [OPTION…] [NAME] [PROMPT…]', 'COMMAND | openelm run [OPTION…] [NAME] [PROMPT…]'],
    about: `Answers one prompt and stops. The prompt is what comes on standard input, then the file of -f,
then the arguments. The text is written to standard output as it comes, and nothing else is.

NAME is 270m, 450m, 1.1b or 3b, or one of these with -instruct: a first argument that is exactly
one of them names the model, unless -m does. Anything else belongs to the prompt.`,
    groups,
    after: `Sampling defaults are those the model file recommends, where it does. A prompt that does not
fit into the context is an error. Ctrl-C keeps what was printed and exits with 130.

Examples:
  openelm run "Define ocean."
  openelm run 270m-instruct "Write a haiku."
  openelm run -m 270m.gguf --no-chat -n 40 "Once upon a time"
  cat notes.txt | openelm run 1.1b-instruct "Sum this up in one sentence."
  openelm run --temp 0.8 --top-p 0.95 --seed 7 "What is a lighthouse?"
  openelm run --json "Define ocean." | jq -r .text`,
  },
  define: (parser) => parser.argument('[prompt...]'),
  run,
}

async function run({ args, raw, signal }: CommandContext): Promise<number> {
  const options = readOptions(specs, raw)
  const given = modelAndPrompt(args, options.model)
  const path = await resolveModel(given.model, { yes: options.yes ?? false, signal })
  const prompt = await readPrompt({ args: given.prompt, file: options.file, stdin: process.stdin, signal })
  const output = new Output(process.stdout)
  const stop = AbortSignal.any([signal, output.closed])
  const start = performance.now()
  const model = await Model.load(path, toLoadOptions(options))
  try {
    const loadSeconds = (performance.now() - start) / 1000
    const result = await answer(model, prompt, options, output, stop)
    if (options.json) await output.write(`${JSON.stringify(jsonReport(model, result, loadSeconds))}\n`)
    else if (process.stdout.isTTY && !result.text.endsWith('\n')) await output.write('\n')
    if (options.stats) process.stderr.write(statsReport(model, result, loadSeconds))
    return signal.aborted ? EXIT.interrupted : EXIT.done
  } finally {
    await model.dispose()
  }
}

/** Generates, streaming the text unless one JSON object is wanted. */
async function answer(
  model: Model,
  prompt: string,
  options: RunOptions,
  output: Output,
  signal: AbortSignal,
): Promise<GenerateResult> {
  const session = model.createSession(toSessionOptions(options))
  const ids = promptIds(model, prompt, options)
  if (ids.length > session.nCtx) throw promptTooLong(ids.length, session.nCtx, model.contextLength)
  const generation = session.generate(ids, {
    ...toSampling(options),
    ...definedOnly({ maxTokens: options.maxTokens, stop: options.stop, ignoreEos: options.ignoreEos }),
    signal,
  })
  if (!options.json) for await (const piece of generation) await output.write(piece)
  return generation.result
}

function promptIds(model: Model, prompt: string, options: RunOptions): Int32Array {
  const useTemplate = options.chat ?? model.chatTemplate !== undefined
  if (useTemplate) {
    const messages: ChatMessage[] = [{ role: 'user', content: prompt }]
    if (options.system !== undefined) messages.unshift({ role: 'system', content: options.system })
    return renderChat(model, messages, { addGenerationPrompt: true })
  }
  if (options.system !== undefined) {
    throw new OpenElmError('E_USAGE', 'A system message needs a chat template.', {
      why:
        options.chat === false ? '--no-chat leaves the template out.' : `${model.name} has no chat template.`,
      next: 'Leave --system out, or use an Instruct model.',
    })
  }
  return model.tokenize(prompt)
}

function promptTooLong(length: number, nCtx: number, trained: number): OpenElmError {
  return new OpenElmError('E_CONTEXT_FULL', `The prompt has ${length} tokens; the context holds ${nCtx}.`, {
    why: `The model was trained for ${trained} tokens.`,
    next: nCtx < trained ? `Shorten it, or raise -c up to ${trained}.` : 'Shorten it.',
  })
}
