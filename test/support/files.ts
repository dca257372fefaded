import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder, with a trailing separator. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** Paths of the files under `folder` whose name matches, relative to the root with forward slashes, sorted. */
export function filesUnder(folder: string, matching: RegExp = /./): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && matching.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}

/** Text of a file named relative to the root. */
export const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')
