import type { z } from 'zod'
import { OpenElmError } from '../errors.js'

/** A value as a user would write it, short enough for one line of an error message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `"${value.slice(0, 57)}…"` : `"${value}"`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) {
    const name = value.constructor?.name
    return name && name !== 'Object' ? `a ${name}` : 'an object'
  }
  return String(value)
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined
    current = (current as Record<PropertyKey, unknown>)[key]
  }
  return current
}

/** `stop[0]`, `logitBias.17`. */
function pathName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`
    return name === '' ? String(part) : `${name}.${String(part)}`
  }, '')
}

/**
 * Checks a value that came from outside. Schemas name in their error text what they expect ("an integer between
 * 1 and 64"), so that every message of the project reads the same.
 *
 * @param name what the value is called where the user wrote it, such as `threads` or `--threads`; for an object
 *   the names of its properties are used instead
 * @throws OpenElmError E_USAGE: "Expected … for NAME but received VALUE."
 */
export function validate<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  if (issue?.code === 'unrecognized_keys') {
    throw new OpenElmError('E_USAGE', `Unknown option ${issue.keys.map(show).join(', ')} in ${name}.`, {
      why: 'Options are checked by name so that a misspelt one is not silently ignored.',
    })
  }
  const path = issue?.path ?? []
  const target = path.some((part) => typeof part !== 'number') ? pathName(path) : name
  const notObject = issue?.code === 'invalid_type' && issue.expected === 'object'
  const expected = notObject ? 'an object' : (issue?.message ?? 'another value')
  const found = valueAt(value, path)
  // An item of a comma list is not where the schema saw it: the whole list is shown.
  const received = found === undefined && Array.isArray(value) ? value.join(',') : found
  throw new OpenElmError(
    'E_USAGE',
    `Expected ${expected} for ${target} but received ${show(received)}.`,
    issue?.code === 'custom' && typeof issue.params?.why === 'string' ? { why: issue.params.why } : {},
  )
}
