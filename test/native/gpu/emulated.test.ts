/** Runs what only CUDA has on the host, thread by thread (emulated_check.cc and chain_check.cc print TAP themselves). */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import tap from 'tap'
import { root } from '../../support/files.js'

const skip = process.platform === 'linux' ? false : 'its fibers need ucontext'

for (const [program, name] of [
  ['emulated_check', 'tensor-core kernels, emulated'],
  ['chain_check', 'chains as CUDA runs them, emulated'],
] as const) {
  tap.test(name, { skip, timeout: 240_000 }, async (t) => {
    const args = ['--program', program, '--cflags=-O1 -Wno-unknown-pragmas']
    const path = execFileSync(process.execPath, [join(root, 'test/native/build.mjs'), ...args], {
      encoding: 'utf8',
    }).trim()
    await t.spawn(path, [], { stdio: 'pipe' }, program)
  })
}
