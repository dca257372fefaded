import { fileURLToPath } from 'node:url'
import { runTrial } from './trial.js'

/** The repository's root folder, with a trailing separator. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** The fields of `openelm bench -o json` that are used here. */
export interface BenchEntry {
  readonly test: string
  readonly isa: string
  /** Bytes of weights: what decoding a token reads. */
  readonly model_size: number
  readonly samples_ts: readonly number[]
}

/** Runs `openelm bench` in a fresh process, on the CPU whatever GPU is there. */
export async function openelmBench(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<readonly BenchEntry[]> {
  const printed = await runTrial(`${root}bin/openelm.js`, ['bench', ...args, '-o', 'json'], {
    cwd: root,
    env: { OPENELM_BACKEND: 'cpu', ...env },
  })
  return printed as readonly BenchEntry[]
}
