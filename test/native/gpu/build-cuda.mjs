// Compiles the native checks of GPU backends with the CUDA device in them; no Node.js is needed to run what comes
// out, nor CUDA but for the driver.
//
//   node test/native/gpu/build-cuda.mjs [--out DIR] [--jobs N]     prints the path of the program
//
// DIR is configured unless it is; that of npm run build:cuda, build/cuda, will do and saves compiling twice.
//
//   gpu_check [FILTER]         TAP: every op against exact arithmetic, on GPU 0
//   gpu_check --bench          a table of speeds

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..')
const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'build/gpu-check') },
    jobs: { type: 'string', default: '2' },
  },
})

function cmake(...args) {
  const { status } = spawnSync('cmake', args, { cwd: root, stdio: ['ignore', process.stderr, 'inherit'] })
  if (status !== 0) process.exit(1)
}

const out = resolve(options.out)
if (!existsSync(join(out, 'CMakeCache.txt')))
  cmake('-S', 'native', '-B', out, '-DOPENELM_CUDA=ON', '-DCMAKE_BUILD_TYPE=Release')
cmake('--build', out, '--target', 'gpu_check', '--parallel', options.jobs)
console.log(join(out, 'gpu_check'))
