/** The GPU kernels' bodies on a device of threads, against exact arithmetic (host_check.cc prints TAP itself). */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import tap from 'tap'
import { root } from '../support/files.js'

const skip = process.platform === 'win32' ? 'the check program needs a POSIX system' : false

tap.test('GPU kernel bodies on threads', { skip, timeout: 480_000 }, async (t) => {
  const args = ['--program', 'host_check', '--cflags=-O1']
  const program = execFileSync(process.execPath, [join(root, 'test/native/build.mjs'), ...args], {
    encoding: 'utf8',
  }).trim()
  const check = (name: string, ...args: string[]) =>
    t.spawn(program, ['--quick', ...args], { stdio: 'pipe' }, name)
  await check('a thread', '--group', '1x1')
  await check('teams of several threads', '--group', '2x4', '--group', '4x1')
  await check('a warp', '--group', '1x32', '--op', 'Q8_0')
  await check('a warp, top_k', '--group', '1x32', '--op', 'top_k')

  const planted = spawnSync(program, ['--quick', '--plant', '--group', '1x1'], { encoding: 'utf8' })
  t.equal(planted.status, 1, 'an error in every result fails the program')
  t.notMatch(planted.stdout, /^ok /m, 'and every one of its tests')
  t.match(planted.stdout, /^not ok \d+ - .*attention/m)
})
