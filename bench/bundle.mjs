// npm run build:bench: the table of bench/gpu.sh as one file that needs no packages, build/bench/gpu.mjs.

import { build } from 'esbuild'

await build({
  entryPoints: ['bench/gpu.ts'],
  // As far below the root as bench/lib, where the root's path is computed.
  outfile: 'build/bench/gpu.mjs',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
})
