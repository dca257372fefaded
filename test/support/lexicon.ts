import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { convertModel } from '../../src/convert/convert.js'
import { type GoldenType, goldenPath } from './golden.js'

/** A folder of its own for a test, removed when it ends. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'openelm-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Converts the small trained checkpoint with our own converter; the path of the GGUF file. */
export async function convertedLexicon(folder: string, type: GoldenType | 'f32' | 'bf16'): Promise<string> {
  const output = join(folder, `lexicon-${type}.gguf`)
  await convertModel({ source: goldenPath('lexicon'), output, type })
  return output
}

/** The converted checkpoint in a folder that goes when the test ends. */
export const lexiconFile = (t: Test, type: GoldenType = 'q8_0'): Promise<string> =>
  convertedLexicon(temporaryFolder(t), type)

/** A question the checkpoint answers well; put into its chat template. */
export const DEFINE_OCEAN = 'Define ocean.'
