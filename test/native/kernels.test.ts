/** Runs the native check program (kernel_check.cc), which prints TAP itself, for every variant this processor has. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import tap from 'tap'
import { loadNative } from '../../src/native/load.js'
import { root } from '../support/files.js'

const skip = process.platform === 'win32' ? 'the check program needs a POSIX system' : false

tap.test('kernels against exact arithmetic', { skip, timeout: 240_000 }, async (t) => {
  const program = execFileSync(process.execPath, [join(root, 'test/native/build.mjs')], {
    encoding: 'utf8',
  }).trim()
  for (const { name, supported } of loadNative().cpu().isas) {
    if (supported) await t.spawn(program, ['--quick', '--isa', name], { stdio: 'pipe' }, name)
    else t.pass(name, { skip: 'this processor does not run it' })
  }
})
