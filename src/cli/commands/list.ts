import { hubSettings } from '../../hub/settings.js'
import { allModels, nameOf, type StoredModel } from '../../hub/store.js'
import type { CommandContext, CommandModule } from '../command.js'
import { formatBytes, formatTable } from '../format.js'
import { flag, readOptions } from '../options.js'
import { Output } from '../output.js'
import { EXIT, printable } from '../report-error.js'

const outputOptions = { json: flag('--json', 'print one JSON array') } as const

export const command: CommandModule = {
  help: {
    usage: ['openelm list [OPTION…]'],
    about: 'Lists the models that were pulled. Their names are what -m takes.',
    groups: { Output: outputOptions },
    after: `Examples:
  openelm list
  openelm list --json | jq -r '.[].path'`,
  },
  run,
}

async function run({ raw }: CommandContext): Promise<number> {
  const options = readOptions(outputOptions, raw)
  const models = allModels(hubSettings().modelsDir)
  const output = new Output(process.stdout)
  if (options.json) {
    const entries = models.map((model) => ({ name: nameOf(model), ...model }))
    await output.write(`${JSON.stringify(entries, undefined, 2)}\n`)
  } else if (models.length === 0) {
    process.stderr.write('No model was pulled yet. Try: openelm pull 270m-instruct\n')
  } else {
    await output.write(
      `${formatTable([['model', 'size', 'licence', 'pulled'], ...models.map(rowOf)], [1])}\n`,
    )
  }
  return EXIT.done
}

const rowOf = (model: StoredModel) =>
  [nameOf(model), formatBytes(model.bytes), model.license ?? '-', model.pulledAt.slice(0, 10)].map(printable)
