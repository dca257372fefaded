/** A build with a GPU is tried in a child process: nothing it does there reaches this one. */
import { existsSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { type ProbeOptions, probe } from '../../src/native/probe.js'
import { driverOf, forget, remember, remembered } from '../../src/native/probe-memory.js'
import { type Fake, fakeGpuAddon } from '../support/fake-gpu.js'
import { temporaryFolder } from '../support/lexicon.js'

const folder = temporaryFolder(tap)
process.env.XDG_CACHE_HOME = join(folder, 'cache')

const build = (fake: Fake) => ({ backend: 'cuda', path: fakeGpuAddon(folder, fake) }) as const
const trial = (fake: Fake, options?: ProbeOptions) => probe(build(fake), options)

const works = { works: true, withoutChains: undefined } as const

tap.test('a build that works', async (t) => {
  t.same(await trial('works'), works)
})

tap.test('a build whose chains alone fail works without them', async (t) => {
  const wrong = /^Pretended GPU \(compute .* computes wrong results \(error 1\.0\)$/
  t.match(await trial('chains wrong'), { works: true, withoutChains: wrong })
  t.match(await trial('chains crash'), { works: true, withoutChains: /^it crashed \(SIGSEGV\)$/ })
})

tap.test('what a build may do instead becomes the reason', async (t) => {
  const cases: [Fake, RegExp][] = [
    ['computes wrong', /^Pretended GPU \(compute .*, 512 MiB free\) computes wrong results \(error 1\.0\)$/],
    ['has no device', /^no CUDA-capable device is detected$/],
    ['is without CUDA', /is-without-CUDA\.cjs was built without it$/],
    ['throws', /^libcuda\.so\.1: cannot open shared object file$/],
    ['crashes', /^it crashed \(SIGSEGV\)$/],
    ['exits', /^it ended with status 3: the driver gave up$/],
  ]
  await Promise.all(cases.map(async ([fake, why]) => t.match(await trial(fake), { works: false, why }, fake)))
})

tap.test('what a variable turns off is not tried', async (t) => {
  process.env.OPENELM_CUDA_CHAIN = '0'
  t.teardown(() => delete process.env.OPENELM_CUDA_CHAIN)
  const path = fakeGpuAddon(temporaryFolder(t), 'chains wrong')
  t.same(await probe({ backend: 'cuda', path }), works)
})

tap.test('a build that hangs is given up', async (t) => {
  t.same(await trial('hangs', { timeoutMs: 1000 }), { works: false, why: 'it did not answer within 1 s' })
})

tap.test('a build is tried once a process', async (t) => {
  const path = join(temporaryFolder(t), 'missing.cjs')
  const asked = [probe({ backend: 'cuda', path }), probe({ backend: 'cuda', path })]
  const [first, second] = await Promise.all(asked)
  t.equal(first, second)
  t.match(first, { works: false, why: /^Cannot find module/ })
})

tap.test('an aborted trial ends at once, and the next one asks again', async (t) => {
  const path = fakeGpuAddon(temporaryFolder(t), 'hangs')
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 200)
  t.match(await probe({ backend: 'cuda', path }, { signal: controller.signal }), { works: false })
  fakeGpuAddon(join(path, '..'), 'works')
  t.match(await probe({ backend: 'cuda', path }, { timeoutMs: 300 }), { why: /within 0\.3 s/ })
})

tap.test('a success is known to later processes', async (t) => {
  const addon = build('works')
  forget()
  t.notOk(remembered(addon, 'driver 1'), 'nothing is known at first')
  remember(addon, works, 'driver 1')
  t.same(remembered(addon, 'driver 1'), works)
  t.notOk(remembered(addon, 'driver 2'), 'another driver')
  t.notOk(remembered({ ...addon, path: build('full').path }, 'driver 1'), 'another build')
  process.env.CUDA_VISIBLE_DEVICES = '1'
  t.notOk(remembered(addon, 'driver 1'), 'another GPU')
  delete process.env.CUDA_VISIBLE_DEVICES
  process.env.OPENELM_CUDA_CHAIN = '0'
  t.notOk(remembered(addon, 'driver 1'), 'another way to compute')
  delete process.env.OPENELM_CUDA_CHAIN
  utimesSync(addon.path, 1, 1)
  t.notOk(remembered(addon, 'driver 1'), 'the build was made again')
  const limited = { works: true, withoutChains: 'it crashed (SIGSEGV)' } as const
  remember(addon, limited, 'driver 1')
  t.same(remembered(addon, 'driver 1'), limited)
  t.same(readdirSync(join(folder, 'cache/openelm')), ['cuda-works.json'], 'one file, no temporary ones')
  forget()
  t.notOk(remembered(addon, 'driver 1'))
  forget()
})

tap.test('nothing is kept where no driver can be named, or nothing can be written', async (t) => {
  const addon = build('works')
  remember(addon, works, undefined)
  if (driverOf('cuda') === undefined) t.notOk(remembered(addon))
  t.match(driverOf('metal'), /\d/, 'the system is the driver')
  process.env.XDG_CACHE_HOME = addon.path
  remember(addon, works, 'driver 1')
  t.notOk(remembered(addon, 'driver 1'))
  t.ok(existsSync(addon.path))
})
