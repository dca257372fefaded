/** Runs what only CUDA has on the host, thread by thread (emulated_check.cc and chain_check.cc print TAP themselves). */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { root } from '../../support/files.js'

const skip = process.platform === 'linux' ? false : 'its fibers need ucontext'

tap.test('tensor-core kernels, emulated', { skip, timeout: 240_000 }, async (t) => {
  const folder = join(root, 'build/check')
  const program = join(folder, 'emulated_check')
  const here = 'test/native/gpu'
  const sources = [
    ...readdirSync(join(root, here)).flatMap((name) =>
      /^emulated_.*\.cc$/.test(name) ? [`${here}/${name}`] : [],
    ),
    'native/quant/dtype.cc',
    'native/quant/dequantize.cc',
  ]
  mkdirSync(folder, { recursive: true })
  execFileSync(
    process.env.CXX ?? 'c++',
    ['-std=c++20', '-O2', '-Wno-unknown-pragmas', '-Inative', '-Itest/native', ...sources, '-o', program],
    { cwd: root },
  )
  await t.spawn(program, [], { stdio: 'pipe' }, 'emulated_check')
})

tap.test('chains as CUDA runs them, emulated', { skip, timeout: 240_000 }, async (t) => {
  const program = execFileSync(
    process.execPath,
    [join(root, 'test/native/build.mjs'), '--program', 'chain_check', '--cflags=-O1'],
    { encoding: 'utf8' },
  ).trim()
  await t.spawn(program, [], { stdio: 'pipe' }, 'chain_check')
})
