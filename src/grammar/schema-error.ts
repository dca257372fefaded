import { OpenElmError } from '../errors.js'

/** A part of a JSON pointer. */
const part = (key: string | number) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`

/** The place of a member of what is at `at`, which is `#` or below. */
export const below = (at: string, ...keys: readonly (string | number)[]): string =>
  `${at}${keys.map(part).join('')}`

/** The error for a schema that cannot be followed; `at` is a JSON pointer such as `#/properties/age`. */
export const schemaError = (at: string, what: string, next?: string): OpenElmError =>
  new OpenElmError('E_GRAMMAR', `The schema cannot be followed at "${at}".`, {
    why: what,
    next: next ?? 'Change the schema; docs/run.md lists what is supported.',
  })
