import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder, with a trailing separator. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Paths of the files under `folder` whose name matches, relative to the root with forward slashes, sorted.
 * Installed packages are left out.
 */
export function filesUnder(folder: string, matching: RegExp = /./): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesUnder(path, matching)
      return entry.isFile() && matching.test(entry.name) ? [path] : []
    })
    .sort()
}

/** Text of a file named relative to the root. */
export const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')
