import { existsSync } from 'node:fs'
import { licensePath } from '../../hub/license.js'
import { formatReference, parseReference } from '../../hub/reference.js'
import { downloadsOf } from '../../hub/remove.js'
import { hubSettings } from '../../hub/settings.js'
import { findModel, nameOf, type StoredModel } from '../../hub/store.js'
import { type Inspection, inspect } from '../../model/inspection.js'
import type { CommandContext, CommandModule } from '../command.js'
import { formatBytes, formatCount, formatTable } from '../format.js'
import { noSuchModel, notHere } from '../hub/errors.js'
import { flag, readOptions } from '../options.js'
import { Output } from '../output.js'
import { EXIT, printable } from '../report-error.js'

const outputOptions = { json: flag('--json', 'print one JSON object') } as const

export const command: CommandModule = {
  help: {
    usage: ['openelm show MODEL [OPTION…]'],
    about: `Shows a model that was pulled: config, licence, size, where it comes from and where it is. For all
that is in its file give the path to "openelm inspect".`,
    groups: { Output: outputOptions },
    after: `Examples:
  openelm show 270m-instruct
  openelm show 1.1b:q4_0 --json | jq -r .path`,
  },
  define: (parser) => parser.argument('<model>').allowExcessArguments(false),
  run,
}

async function run({ args, raw }: CommandContext): Promise<number> {
  const [name = ''] = args
  const options = readOptions(outputOptions, raw)
  const reference = parseReference(name)
  if (!reference) throw noSuchModel(name)
  const settings = hubSettings()
  const model = findModel(settings.modelsDir, reference)
  if (!model) throw notHere(formatReference(reference))
  const { parameters, fileType, config } = inspect(model.path)
  const license = licensePath(settings.modelsDir, model.repo)
  const more = {
    parameters,
    fileType,
    config,
    licenseText: existsSync(license) ? license : undefined,
    downloads: downloadsOf(model.repo, settings),
  }
  const text = options.json
    ? JSON.stringify({ name: nameOf(model), ...model, ...more }, undefined, 2)
    : textOf(model, more)
  await new Output(process.stdout).write(`${text}\n`)
  return EXIT.done
}

interface More extends Pick<Inspection, 'parameters' | 'fileType' | 'config'> {
  readonly licenseText: string | undefined
  readonly downloads: { readonly path: string; readonly bytes: number } | undefined
}

function textOf(model: StoredModel, { parameters, fileType, config, licenseText, downloads }: More): string {
  const rows: [string, string | undefined][] = [
    ['model', nameOf(model)],
    ['source', `${model.endpoint}/${model.repo}`],
    ['commit', model.commit],
    ['licence', model.license],
    ['licence text', licenseText],
    ['path', model.path],
    ['size', formatBytes(model.bytes)],
    ['type', fileType],
    ['parameters', formatCount(parameters)],
    ['layers', config && String(config.heads.length)],
    ['model dim', config && String(config.dim)],
    ['head dim', config && String(config.headDim)],
    ['vocabulary', config && formatCount(config.vocabSize)],
    ['context', config && `${formatCount(config.contextLength)} tokens`],
    ['pulled', model.pulledAt],
    ['downloads', downloads && `${downloads.path} (${formatBytes(downloads.bytes)})`],
  ]
  return formatTable(rows.flatMap(([key, value]) => (value === undefined ? [] : [[key, printable(value)]])))
}
