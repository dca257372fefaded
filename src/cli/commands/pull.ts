import * as z from 'zod'
import { type TargetType, targetTypes } from '../../convert/plan.js'
import { OpenElmError } from '../../errors.js'
import { isCurrent, planFromCache, planPull } from '../../hub/pull.js'
import { parseReference } from '../../hub/reference.js'
import { hubSettings } from '../../hub/settings.js'
import { findModel, nameOf } from '../../hub/store.js'
import type { CommandContext, CommandModule } from '../command.js'
import { formatBytes } from '../format.js'
import { noSuchModel } from '../hub/errors.js'
import { PullReport, runPull, showLicense } from '../hub/run-pull.js'
import { flag, option, readOptions } from '../options.js'
import { EXIT } from '../report-error.js'

const pullOptions = {
  type: option(
    '--type <type>',
    'type a checkpoint is converted to: q8_0 (default), q4_0, f16,\nbf16 or f32',
    z
      .enum(targetTypes as [TargetType, ...TargetType[]], { error: `one of ${targetTypes.join(', ')}` })
      .optional(),
  ),
  quiet: flag('-q, --quiet', 'no progress and no summary'),
} as const

export const command: CommandModule = {
  help: {
    usage: ['openelm pull MODEL [OPTION…]'],
    about: `Downloads a model from the Hugging Face Hub and converts it, once. MODEL is a short name (270m,
450m, 1.1b, 3b, each also with -instruct), owner/name, or owner/name:file.gguf for a published GGUF
file. It does not ask, so that scripts can use it.`,
    groups: { Options: pullOptions },
    after: `What was pulled is up to date when pulled again. An interrupted download goes on where it stopped.
Downloads are kept in the cache that tools for the Hub share (HF_HOME, HF_HUB_CACHE), converted
models in ~/.cache/openelm or where XDG_CACHE_HOME says. HF_TOKEN and HF_ENDPOINT are honoured.

Examples:
  openelm pull 270m-instruct
  openelm pull apple/OpenELM-1_1B-Instruct --type q4_0
  openelm pull owner/OpenELM-GGUF:openelm-q5_k_m.gguf`,
  },
  define: (parser) => parser.argument('<model>').allowExcessArguments(false),
  run,
}

async function run({ args, raw, signal }: CommandContext): Promise<number> {
  const [name = ''] = args
  const options = readOptions(pullOptions, raw)
  const parsed = parseReference(name)
  if (!parsed) throw noSuchModel(name)
  const { type = options.type, ...rest } = parsed
  if (options.type !== undefined && (rest.file !== undefined || type !== options.type)) {
    throw new OpenElmError('E_USAGE', `--type ${options.type} contradicts "${name}".`, {
      why: rest.file ? 'A published GGUF file is used as it is.' : 'Both name a type.',
      next: 'Leave one of them out.',
    })
  }
  const report = new PullReport(options.quiet ?? false)
  const settings = hubSettings()
  const connection = report.connect(settings, signal)
  const reference = { ...rest, ...(type ? { type } : {}) }
  const here = settings.offline ? findModel(settings.modelsDir, reference) : undefined
  if (here) {
    report.say(`${nameOf(here)} is here; HF_HUB_OFFLINE forbids to look for a newer one.`)
    return EXIT.done
  }
  const cached = settings.offline ? planFromCache(reference, connection) : undefined
  const plan = cached ?? (await planPull(reference, connection))
  if (plan.kind === 'gguf' && type) {
    throw new OpenElmError('E_USAGE', `${plan.repo} has no checkpoint to convert to ${type}.`, {
      why: 'It has a GGUF file, which is used as it is.',
      next: `Run "openelm pull ${plan.repo}".`,
    })
  }
  await showLicense(plan, settings.modelsDir)
  const current = plan.downloadBytes === 0 && isCurrent(plan, settings.modelsDir)
  const terms = plan.license === undefined ? 'licence not stated' : `licence ${plan.license}`
  if (!current) {
    report.say(`${plan.repo}: ${formatBytes(plan.downloadBytes)} to download, ${terms}`)
  }
  const model = await runPull(plan, connection, report)
  const state = current ? 'is up to date' : 'is ready'
  report.say(`${nameOf(model)} ${state}: ${formatBytes(model.bytes)}, ${model.path}`)
  return EXIT.done
}
