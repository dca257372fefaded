import { formatReference, parseReference } from '../../hub/reference.js'
import { downloadsOf, modelsNamed, removeDownloads, removeModel, tidyFolder } from '../../hub/remove.js'
import { hubSettings } from '../../hub/settings.js'
import { nameOf } from '../../hub/store.js'
import type { CommandContext, CommandModule } from '../command.js'
import { formatBytes } from '../format.js'
import { noSuchModel, notHere } from '../hub/errors.js'
import { flag, readOptions } from '../options.js'
import { EXIT, printable } from '../report-error.js'

const removeOptions = {
  downloads: flag(
    '--downloads',
    'also the downloaded checkpoint, which other tools share\nand without which it has to be downloaded again',
  ),
} as const

export const command: CommandModule = {
  help: {
    usage: ['openelm rm MODEL… [OPTION…]'],
    about: `Removes models that were pulled. A name without a type or file means all of its repository. The
downloaded checkpoint stays, so that another type can be made of it without a download.`,
    groups: { Options: removeOptions },
    after: `Examples:
  openelm rm 270m-instruct:q4_0
  openelm rm 3b --downloads`,
  },
  define: (parser) => parser.argument('<model...>'),
  run,
}

async function run({ args, raw }: CommandContext): Promise<number> {
  const options = readOptions(removeOptions, raw)
  const settings = hubSettings()
  // All names are understood before the first model goes.
  const wanted = args.map((name) => {
    const reference = parseReference(name)
    if (!reference) throw noSuchModel(name)
    const models = modelsNamed(reference, settings)
    const downloads = options.downloads ? downloadsOf(reference.repo, settings) : undefined
    if (models.length === 0 && !downloads) throw notHere(formatReference(reference))
    return { repo: reference.repo, models, downloads }
  })
  const say = (what: string, bytes: number) =>
    process.stderr.write(`Removed ${printable(what)} (${formatBytes(bytes)})\n`)
  for (const { repo, models, downloads } of wanted) {
    for (const model of models) {
      await removeModel(model, settings)
      say(nameOf(model), model.bytes)
    }
    if (downloads) {
      await removeDownloads(repo, settings)
      say(`the downloads of ${repo}`, downloads.bytes)
    }
    await tidyFolder(repo, settings)
  }
  return EXIT.done
}
