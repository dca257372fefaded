import * as z from 'zod'
import { maxWaitingSchema, slotsSchema } from '../../engine/batch/options.js'
import { computedBy } from '../../engine/computed-by.js'
import { Model } from '../../engine/model.js'
import { maxTokensSchema } from '../../engine/options.js'
import { integer, number } from '../../engine/sampling.js'
import type { CommandContext, CommandModule } from '../command.js'
import { reportFallback } from '../fallback.js'
import { formatBytes } from '../format.js'
import { resolveModel } from '../model-argument.js'
import {
  contextOptions,
  definedOnly,
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
import { EXIT } from '../report-error.js'
import { readTemplate, templateOption } from '../run/template-file.js'

const text = (error: string) => z.string().min(1, { error }).optional()

const serverOptions = {
  host: option(
    '--host <address>',
    'address to listen on (default: 127.0.0.1); any that others\ncan reach needs an API key',
    text('an address'),
  ),
  port: option('-p, --port <n>', 'port; 0 takes a free one (default: 8080)', numeric(integer(0, 65535))),
  apiKey: option(
    '--api-key <key>',
    'clients must send it as a bearer token (default:\nOPENELM_API_KEY, which other users cannot see)',
    text('a key'),
  ),
  cors: option(
    '--cors <origin>',
    'let the pages of this origin call the server from a browser\n(default: none)',
    text('an origin'),
  ),
  ...templateOption,
} as const

const limitOptions = {
  slots: option(
    '--slots <n>',
    'requests answered at a time, each with a kv cache\n(default: 4)',
    numeric(slotsSchema),
  ),
  queue: option('--queue <n>', 'requests that may wait for a slot (default: 64)', numeric(maxWaitingSchema)),
  maxTokens: option(
    '-n, --max-tokens <n>',
    'most tokens a request may ask for (default: what fits the\ncontext)',
    numeric(maxTokensSchema),
  ),
  maxBody: option(
    '--max-body <kib>',
    'largest request body in KiB (default: 1024)',
    numeric(integer(1, 2 ** 20)),
  ),
  timeLimit: option(
    '--time-limit <s>',
    'seconds a request may take, waiting included (default: 300)',
    numeric(number(0.1, 86400)),
  ),
  grace: option(
    '--grace <s>',
    'seconds that requests get to finish when the server is\nstopped (default: 10)',
    numeric(number(0, 3600)),
  ),
} as const

const groups = {
  Server: serverOptions,
  Limits: limitOptions,
  Model: modelOptions,
  Context: contextOptions,
  'Sampling (where a request does not say)': samplingOptions,
} as const

const specs = { ...serverOptions, ...limitOptions, ...modelOptions, ...contextOptions, ...samplingOptions }

export const command: CommandModule = {
  help: {
    usage: ['openelm serve [OPTION…]'],
    about: `Serves a model over HTTP, for programs that speak OpenAI's API: /v1/chat/completions,
/v1/completions and /v1/models, whole or as a stream; /health, and /metrics for Prometheus.
Requests that come together share every pass through the weights.`,
    groups,
    after: `When it listens it prints its address on standard output. Parameters of a request that it does not
know are refused. SIGTERM or Ctrl-C lets running requests finish; a second one ends it at once.

Examples:
  openelm serve
  openelm serve -m 270m-instruct.gguf --slots 8 -c 1024
  OPENELM_API_KEY=secret openelm serve --host 0.0.0.0
  curl http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \\
    -d '{"messages": [{"role": "user", "content": "Define ocean."}]}'`,
  },
  spellings: modelSpellings,
  run,
}

async function run({ raw, signal }: CommandContext): Promise<number> {
  const options = readOptions(specs, raw)
  const template = readTemplate(options.template)
  const path = await resolveModel(options.model, { yes: options.yes ?? false, signal })
  const [model, { startServer }] = await Promise.all([
    Model.load(path, { ...toLoadOptions(options), signal }),
    import('../../server/server.js'),
  ])
  try {
    reportFallback(model)
    const batch = model.createBatch({
      ...toSessionOptions(options),
      ...definedOnly({ slots: options.slots, maxWaiting: options.queue }),
    })
    const address = { host: options.host ?? '127.0.0.1', port: options.port ?? 8080 }
    const server = await startServer(model, batch, address, {
      ...toServerOptions(options),
      ...(template === undefined ? {} : { template }),
      log: (line) => process.stderr.write(`${line}\n`),
    })
    process.stderr.write(
      `${model.name} ${model.type}, ${computedBy(model)}; ${formatBytes(model.weightBytes)} of weights, ` +
        `${batch.slots} slots of ${batch.nCtx} tokens with at most ${formatBytes(batch.kvBytes)} of kv cache\n`,
    )
    process.stdout.write(`${server.url}/v1\n`)
    await aborted(signal)
    if (server.active > 0) process.stderr.write(`stopping; ${server.active} requests are being answered\n`)
    await server.stop()
    return EXIT.done
  } finally {
    await model.dispose()
  }
}

function toServerOptions(options: OptionValues<typeof specs>) {
  const { maxTokens, timeLimit, grace, cors, maxBody } = options
  return definedOnly({
    apiKey: options.apiKey ?? (process.env.OPENELM_API_KEY || undefined),
    defaults: toSampling(options),
    maxTokens,
    timeLimit,
    grace,
    cors,
    maxBody: maxBody === undefined ? undefined : maxBody * 1024,
  })
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
