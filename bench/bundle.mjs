// npm run build:bench: what bench/gpu.sh measures with as files that need no packages, build/bench/*.mjs.

import { build } from 'esbuild'

await build({
  entryPoints: ['bench/gpu.ts', 'bench/gpu-switches.ts'],
  // As far below the root as bench/lib, where the root's path is computed.
  outdir: 'build/bench',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
})
