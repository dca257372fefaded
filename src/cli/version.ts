import { createRequire } from 'node:module'

/** The version in package.json. */
export function version(): string {
  const read = createRequire(import.meta.url)
  return (read('../../package.json') as { version: string }).version
}
