import { type Inspection, inspect } from '../../model/inspection.js'
import type { CommandContext, CommandModule } from '../command.js'
import { inspectionText } from '../inspect/text.js'
import { flag, readOptions } from '../options.js'
import { Output } from '../output.js'
import { EXIT } from '../report-error.js'

const outputOptions = {
  tensors: flag('--tensors', 'list every tensor, not only the kinds'),
  json: flag('--json', 'print everything as one JSON object'),
} as const

export const command: CommandModule = {
  help: {
    usage: ['openelm inspect FILE [OPTION…]'],
    about: `Shows what is in a model file: config, layers, tensors, sizes, and the memory it needs. FILE is a GGUF
file, a .safetensors file, or the folder of a Hugging Face checkpoint. Weights are not read.`,
    groups: { Output: outputOptions },
    after: `Examples:
  openelm inspect 270m.gguf
  openelm inspect ./OpenELM-3B --tensors
  openelm inspect 270m.gguf --json | jq .memory`,
  },
  define: (parser) => parser.argument('<file>').allowExcessArguments(false),
  run,
}

async function run({ args, raw }: CommandContext): Promise<number> {
  const [path = ''] = args
  const options = readOptions(outputOptions, raw)
  const inspection: Inspection = inspect(path)
  const text = options.json
    ? JSON.stringify(inspection, undefined, 2)
    : inspectionText(inspection, options.tensors ?? false)
  await new Output(process.stdout).write(`${text}\n`)
  return EXIT.done
}
