import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { storeFolder, writeWhole } from './store.js'

/** Longer texts than any licence are not shown in a terminal. */
const maxLength = 2 ** 17

/** Where the text that was shown for a repository is kept. */
export const licensePath = (modelsDir: string, repo: string): string =>
  join(storeFolder(modelsDir, repo), 'LICENSE')

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, maxLength)
  } catch {
    return undefined
  }
}

/** The text of a licence if it is to be shown: not the one that was shown for this repository before. */
export function unseenLicense(modelsDir: string, repo: string, file: string | undefined): string | undefined {
  const text = file === undefined ? undefined : textOf(file)
  return text !== undefined && text !== textOf(licensePath(modelsDir, repo)) ? text : undefined
}

/** Notes that the text was shown. */
export const rememberLicense = (modelsDir: string, repo: string, text: string): Promise<void> =>
  writeWhole(licensePath(modelsDir, repo), text)
