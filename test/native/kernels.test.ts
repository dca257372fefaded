/**
 * Runs the native check program (kernel_check.cc), which prints TAP itself, for every variant this processor has and, on
 * Linux with AVX2, with instructions emulated for those of x64 that it lacks.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import tap from 'tap'
import { loadNative } from '../../src/native/load.js'
import { root } from '../support/files.js'

const skip = process.platform === 'win32' ? 'the check program needs a POSIX system' : false

tap.test('kernels against exact arithmetic', { skip, timeout: 240_000 }, async (t) => {
  const { isas } = loadNative().cpu()
  const runs = (isa: string) => isas.some(({ name, supported }) => name === isa && supported)
  const emulated =
    process.platform === 'linux' && runs('avx2') ? ['avx512', 'amx'].filter((isa) => !runs(isa)) : []
  const build = [join(root, 'test/native/build.mjs'), '--emulate', emulated.join(',')]
  const program = execFileSync(process.execPath, build, { encoding: 'utf8' }).trim()
  for (const { name, supported } of isas) {
    if (supported || emulated.includes(name))
      await t.spawn(program, ['--quick', '--isa', name], { stdio: 'pipe' }, name)
    else t.pass(name, { skip: 'this processor does not run it' })
  }
})
