import type { z } from 'zod'
import { maxTokensSchema } from '../engine/options.js'
import { type SamplingDefaults, samplingSchemas } from '../engine/sampling.js'
import type { GenerateOptions } from '../engine/types.js'
import { validate } from '../engine/validate.js'
import { OpenElmError } from '../errors.js'
import { nearest } from './nearest.js'

interface Setting {
  readonly key: keyof GenerateOptions
  readonly schema: z.ZodType<number | bigint>
  readonly about: string
}

const setting = (key: keyof GenerateOptions, schema: z.ZodType<number | bigint>, about: string): Setting => ({
  key,
  schema,
  about,
})

/** What /set can change, by the names that the command line uses. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  temp: setting('temperature', samplingSchemas.temperature, '0 always takes the likeliest token'),
  'top-k': setting('topK', samplingSchemas.topK, 'only the likeliest n; 0 is all'),
  'top-p': setting('topP', samplingSchemas.topP, 'only the likeliest of this probability'),
  'min-p': setting('minP', samplingSchemas.minP, 'only those this likely beside the likeliest'),
  'typical-p': setting('typicalP', samplingSchemas.typicalP, 'only locally typical ones'),
  'repeat-penalty': setting('repeatPenalty', samplingSchemas.repeatPenalty, '1 is off'),
  'repeat-last-n': setting('penaltyLastN', samplingSchemas.penaltyLastN, 'how far penalties look back'),
  'frequency-penalty': setting('frequencyPenalty', samplingSchemas.frequencyPenalty, '0 is off'),
  'presence-penalty': setting('presencePenalty', samplingSchemas.presencePenalty, '0 is off'),
  seed: setting('seed', samplingSchemas.seed, 'the same seed gives the same text'),
  'max-tokens': setting('maxTokens', maxTokensSchema, 'longest reply'),
}

export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

function find(name: string): Setting {
  const found = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined
  if (found) return found
  const near = nearest(name, SETTING_NAMES)
  throw new OpenElmError('E_USAGE', `There is no setting "${name}".`, {
    next: near ? `Did you mean "${near}"?` : 'Type /set to see all of them.',
  })
}

/** The options of the next replies. */
export class Settings {
  #options: GenerateOptions
  readonly #given: GenerateOptions
  readonly #defaults: SamplingDefaults

  /** @param given what the command line asked for; @param defaults what holds where nothing is given */
  constructor(given: GenerateOptions, defaults: SamplingDefaults) {
    this.#options = given
    this.#given = given
    this.#defaults = defaults
  }

  get options(): GenerateOptions {
    return this.#options
  }

  /** Every setting with its value, for reading. */
  list(): { readonly name: string; readonly value: string; readonly about: string }[] {
    return Object.entries(SETTINGS).map(([name, { about }]) => ({ name, value: this.show(name), about }))
  }

  /** @throws OpenElmError E_USAGE for an unknown name */
  show(name: string): string {
    const { key } = find(name)
    const value = this.#options[key] ?? (this.#defaults as GenerateOptions)[key]
    if (value !== undefined) return String(value)
    return key === 'seed' ? 'random' : 'what fits into the context'
  }

  /**
   * Changes a setting; the text `default` puts back what it was at the start.
   * @throws OpenElmError E_USAGE for an unknown name or a value that the schema refuses
   */
  set(name: string, text: string): void {
    const { key, schema } = find(name)
    const { [key]: _, ...others } = this.#options
    if (text === 'default') {
      this.#options = this.#given[key] === undefined ? others : { ...others, [key]: this.#given[key] }
      return
    }
    this.#options = { ...others, [key]: validate(schema, toNumber(text, key), name) }
  }
}

/** Text that is a number becomes one; anything else stays, to be named in the error. Seeds have 64 bits. */
function toNumber(text: string, key: keyof GenerateOptions): unknown {
  if (key === 'seed') return /^\d{1,20}$/.test(text) ? BigInt(text) : text
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text
}
