import * as z from 'zod'
import { Model } from '../../engine/model.js'
import { maxTokensSchema, stopSchema } from '../../engine/options.js'
import type { CommandContext, CommandModule } from '../command.js'
import { reportFallback } from '../fallback.js'
import { modelAndPrompt, resolveModel } from '../model-argument.js'
import {
  contextOptions,
  definedOnly,
  flag,
  modelOptions,
  modelSpellings,
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
import { batchOptions, checkBatchOptions, runBatchCommand } from '../run/batch-command.js'
import { formOptions, readForm } from '../run/form.js'
import { promptIds, promptTooLong } from '../run/prompt-ids.js'
import { readPrompt } from '../run/read-prompt.js'
import { jsonReport, type RunAnswer, statsReport } from '../run/report.js'
import { readTemplate, templateOption } from '../run/template-file.js'

const text = z.string().optional()

const promptOptions = {
  file: option('-f, --file <path>', 'read the prompt from a file; - is standard input', text),
  system: option('--system <text>', 'system message of the chat template', text),
  chat: flag('--chat', 'put the prompt into the chat template (default: where\nthe model has one)'),
  noChat: flag('--no-chat', 'continue the prompt as plain text'),
  ...templateOption,
  promptCache: option(
    '--prompt-cache <file>',
    'keep the evaluated prompt in a file, and begin with what\nit has in common with this one',
    z.string().min(1, { error: 'a path' }).optional(),
  ),
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
  'Form of the answer': formOptions,
  'Many prompts': batchOptions,
  Model: modelOptions,
  Context: contextOptions,
  Sampling: samplingOptions,
} as const

const specs = {
  ...promptOptions,
  ...outputOptions,
  ...formOptions,
  ...batchOptions,
  ...modelOptions,
  ...contextOptions,
  ...samplingOptions,
}
type RunOptions = OptionValues<typeof specs>
type Form = ReturnType<typeof readForm>

export const command: CommandModule = {
  help: {
    usage: [
      'openelm run [OPTION…] [NAME] [PROMPT…]',
      'COMMAND | openelm run [OPTION…] [NAME] [PROMPT…]',
      'openelm run --batch IN.jsonl -o OUT.jsonl [OPTION…]',
    ],
    about: `Answers one prompt and stops. The prompt is what comes on standard input, then the file of -f,
then the arguments. The text is written to standard output as it comes, and nothing else is.

NAME is 270m, 450m, 1.1b or 3b, or one of these with -instruct: a first argument that is exactly
one of them names the model, unless -m does. Anything else belongs to the prompt.

With --batch each line of a file is a JSON object with a prompt (or messages) and, if it likes,
id, system, max_tokens, stop, temperature, top_p, seed and the other sampling options with
underscores. The answers are lines in the same order. The same command after an interruption
goes on where it ended. A line that cannot be answered becomes an error and the exit status 1.

With --format json, --schema or --grammar the answer always is what they ask for: near the limit
of -n or of the context the shortest completion is taken. Where none fits, nothing is printed and
the exit status is 1.`,
    groups,
    after: `Sampling defaults are those the model file recommends, where it does. A prompt that does not
fit into the context is an error. Ctrl-C keeps what was printed and exits with 130.

Examples:
  openelm run "Define ocean."
  openelm run 270m-instruct "Write a haiku."
  openelm run -m 270m.gguf --no-chat -n 40 "Once upon a time"
  cat notes.txt | openelm run 1.1b-instruct "Sum this up in one sentence."
  openelm run --temp 0.8 --top-p 0.95 --seed 7 "What is a lighthouse?"
  openelm run --json "Define ocean." | jq -r .text
  openelm run --schema person.json "Who wrote Faust?" | jq .name
  openelm run --batch questions.jsonl -o answers.jsonl --slots 8`,
  },
  spellings: modelSpellings,
  define: (parser) => parser.argument('[prompt...]'),
  run,
}

async function run({ args, raw, signal }: CommandContext): Promise<number> {
  const options = readOptions(specs, raw)
  const given = modelAndPrompt(args, options.model)
  checkBatchOptions({ ...options, args: given.prompt })
  const template = readTemplate(options.template)
  const form = readForm(options, options.stop)
  const path = await resolveModel(given.model, { yes: options.yes ?? false, signal })
  if (options.batch !== undefined) return runLines(options, options.batch, path, template, form, signal)
  const prompt = await readPrompt({ args: given.prompt, file: options.file, stdin: process.stdin, signal })
  const output = new Output(process.stdout)
  const stop = AbortSignal.any([signal, output.closed])
  const start = performance.now()
  const model = await Model.load(path, { ...toLoadOptions(options), signal })
  try {
    const loadSeconds = (performance.now() - start) / 1000
    reportFallback(model)
    const said = await answer(model, prompt, options, template, form, output, stop)
    const { result } = said
    if (options.json) await output.write(`${JSON.stringify(jsonReport(model, said, loadSeconds))}\n`)
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
  template: string | undefined,
  form: Form,
  output: Output,
  signal: AbortSignal,
): Promise<RunAnswer> {
  const ids = promptIds(model, prompt, { ...promptForm(options), template })
  const session = model.createSession(toSessionOptions(options))
  if (ids.length > session.nCtx) throw promptTooLong(ids.length, session.nCtx, model.contextLength)
  const cache = options.promptCache
  const rest = cache === undefined ? ids : await session.loadPrompt(cache, ids)
  const generation = session.generate(rest, {
    ...generateOptions(options),
    ...form,
    signal,
  })
  if (!options.json) for await (const piece of generation) await output.write(piece)
  const result = await generation.result
  if (cache !== undefined && session.nPast >= ids.length) await session.savePrompt(cache, ids.length)
  const cached = cache === undefined ? undefined : ids.length - rest.length
  return { result, prompt: { tokens: ids.length, cached } }
}

const promptForm = ({ system, chat }: RunOptions) => ({ system, chat })

const generateOptions = (options: RunOptions) => ({
  ...toSampling(options),
  ...definedOnly({ maxTokens: options.maxTokens, stop: options.stop, ignoreEos: options.ignoreEos }),
})

const runLines = (
  options: RunOptions,
  input: string,
  model: string,
  template: string | undefined,
  form: Form,
  signal: AbortSignal,
) =>
  runBatchCommand({
    input,
    output: options.output,
    model,
    load: toLoadOptions(options),
    size: { ...toSessionOptions(options), ...definedOnly({ slots: options.slots }) },
    form: { ...promptForm(options), template },
    defaults: { ...generateOptions(options), ...form },
    stats: options.stats ?? false,
    signal,
  })
