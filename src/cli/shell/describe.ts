import { Command } from 'commander'
import * as z from 'zod'
import { shortNames } from '../../model/published.js'
import type { CommandModule } from '../command.js'
import { COMMANDS } from '../manual.js'
import type { OptionSpec } from '../options.js'

/** What a shell can offer for a value. */
export interface Values {
  readonly words: readonly string[]
  /** Paths may be given, too. */
  readonly files: boolean
  /** Several words may be given, separated by commas. */
  readonly list: boolean
}

export interface OptionDescription {
  /** As they are typed, the short form first: `-m`, `--model`. */
  readonly flags: readonly string[]
  /** The name of the value; undefined for an option without one. */
  readonly value: string | undefined
  readonly values: Values
  readonly repeat: boolean
  /** One line. */
  readonly about: string
}

export interface CommandDescription {
  readonly name: string
  /** One line. */
  readonly about: string
  readonly options: readonly OptionDescription[]
  /** Arguments in order; only the last can be given several times. */
  readonly arguments: readonly {
    readonly name: string
    readonly variadic: boolean
    readonly values: Values
  }[]
}

const values = (words: readonly string[], files = false, list = false): Values => ({ words, files, list })

/** Options that show a page and end, before a command and after it. */
const help: OptionDescription = {
  flags: ['-h', '--help'],
  value: undefined,
  values: values([]),
  repeat: false,
  about: 'show the page of options',
}
export const topOptions: readonly OptionDescription[] = [
  help,
  { ...help, flags: ['-V', '--version'], about: 'show the version of openelm' },
]

/** By what the value of an option is called, where its schema lists no values. */
const optionValues: Readonly<Record<string, Values>> = {
  model: values(shortNames, true),
  path: values([], true),
  file: values([], true),
  what: values([], true),
}

/** By what an argument is called. `[model|file]` takes what -m does; `<model>` must be a name. */
const argumentValues: Readonly<Record<string, Values>> = {
  'model|file': values(shortNames, true),
  model: values(shortNames),
  prompt: values(shortNames),
  src: values([], true),
  file: values([], true),
}

/** The values of an enumeration, below what makes it optional, a list or a number of times; else undefined. */
function enumeration(schema: unknown): readonly string[] | undefined {
  if (schema instanceof z.ZodEnum) return schema.options.map(String)
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return enumeration(schema.unwrap())
  if (schema instanceof z.ZodArray) return enumeration(schema.element)
  if (schema instanceof z.ZodPipe) return enumeration(schema.out)
  return undefined
}

function describeOption(spec: OptionSpec, spellings: Readonly<Record<string, string>>): OptionDescription {
  const flags: readonly string[] = spec.flags.match(/(?<![\w-])--?[\w-]+/g) ?? []
  const others = Object.entries(spellings).flatMap(([written, meant]) =>
    flags.includes(meant) ? [written] : [],
  )
  const value = spec.flags.match(/<(.+)>/)?.[1]
  const words = enumeration(spec.schema)
  const repeat = spec.repeat ?? false
  return {
    flags: [...flags, ...others],
    value,
    values: words ? values(words, false, repeat) : (optionValues[value ?? ''] ?? values([])),
    repeat,
    about: spec.about.replaceAll('\n', ' '),
  }
}

function describe(name: string, about: string, module: CommandModule): CommandDescription {
  const parser = new Command(name)
  module.define?.(parser)
  const specs = Object.values(module.help.groups).flatMap((group) => Object.values(group))
  return {
    name,
    about,
    options: [...specs.map((spec) => describeOption(spec, module.spellings ?? {})), help],
    arguments: parser.registeredArguments.map((argument) => ({
      name: argument.name(),
      variadic: argument.variadic,
      values: argument.argChoices
        ? values(argument.argChoices)
        : (argumentValues[argument.name()] ?? values([])),
    })),
  }
}

/** Loads every command and says what can be typed after it, in the manual's order. */
export async function describeCommands(): Promise<CommandDescription[]> {
  return Promise.all(
    Object.entries(COMMANDS).map(async ([name, { about, load }]) => describe(name, about, await load())),
  )
}
