/** Outputs that cannot be written: the reason in words, and nothing left behind. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import tap from 'tap'
import { AtomicFile, writeError } from '../../src/convert/atomic-file.js'
import { convertModel } from '../../src/convert/convert.js'
import { planGguf } from '../../src/convert/from-gguf.js'
import { layOutPlan, writePlan } from '../../src/convert/write-plan.js'
import { openFile } from '../../src/native/open-file.js'
import { startScript } from '../support/child.js'
import { rejectionOf } from '../support/errors.js'
import { tinyGguf } from '../support/tiny-model.js'

const folder = tap.testdir({ 'in.gguf': tinyGguf().bytes, 'a-file': '' })
const source = join(folder, 'in.gguf')
const convertTo = (output: string, overwrite = false) =>
  rejectionOf(convertModel({ source, output, type: 'f32', overwrite }))
const isRoot = process.getuid?.() === 0

tap.test('an existing output is replaced only on request', async (t) => {
  const output = join(folder, 'out.gguf')
  writeFileSync(output, 'precious')
  t.match(await convertTo(output), { code: 'E_FILE_WRITE', message: /exists already/, next: /--force/ })
  t.equal(readFileSync(output, 'utf8'), 'precious')
  await convertModel({ source, output, type: 'f32', overwrite: true })
  t.equal(readFileSync(output).toString('latin1', 0, 4), 'GGUF')
})

tap.test('folders, devices, missing folders', async (t) => {
  t.match(await convertTo(folder, true), { code: 'E_FILE_WRITE', why: /It is a folder/ })
  t.match(await convertTo(join(folder, 'gone', 'x.gguf')), { why: /folder does not exist/ })
  t.match(await convertTo(join(folder, 'a-file', 'x.gguf')), { code: 'E_FILE_WRITE', why: /not a folder/ })
  if (existsSync('/dev/null')) t.match(await convertTo('/dev/null', true), { why: /not a regular file/ })
})

tap.test('a read-only folder', async (t) => {
  const readOnly = join(folder, 'read-only')
  mkdirSync(readOnly)
  chmodSync(readOnly, 0o555)
  // Root may write anywhere: the child becomes nobody, having loaded what it needs.
  const { stdout, stderr } = await startScript(`
    import { convertModel } from './src/convert/convert.ts'
    import { loadNative } from './src/native/load.ts'
    loadNative()
    if (process.getuid() === 0) process.setuid(65534)
    const options = { source: ${JSON.stringify(source)}, output: ${JSON.stringify(join(readOnly, 'x.gguf'))}, type: 'f32' }
    const error = await convertModel(options).catch((error) => error)
    console.log(JSON.stringify([error.code, error.why, error.next]))`).exit
  t.match(stdout, /"E_FILE_WRITE","You may not write to that folder\./, stderr)
  t.same(readdirSync(readOnly), [])
})

tap.test(
  'a full disk, as the system reports it',
  { skip: !existsSync('/dev/full') && 'no /dev/full' },
  async (t) => {
    const full = await open('/dev/full', 'w')
    const failed = await full.write(Buffer.alloc(10)).catch((error: unknown) => writeError('x.gguf', error))
    await full.close()
    t.match(failed, {
      code: 'E_FILE_WRITE',
      message: /x\.gguf could not be written/,
      why: 'The disk is full.',
    })
  },
)

tap.test('a sink that fails half-way ends the conversion with its error', async (t) => {
  const plan = planGguf(source, 'f32', openFile)
  let written = 0
  const sink = {
    async write(bytes: Uint8Array) {
      written += bytes.length
      if (written > 20000)
        throw writeError('x.gguf', Object.assign(new Error('no space'), { code: 'ENOSPC' }))
    },
  }
  const error = await rejectionOf(writePlan(plan, layOutPlan(plan), sink, undefined, () => {}))
  t.match(error, { code: 'E_FILE_WRITE', why: 'The disk is full.' })
})

/** A file system of 256 KiB, where this process may mount one. */
function smallDisk(path: string): boolean {
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

tap.test(
  'a disk that is too small, and one that fills up meanwhile',
  { skip: !isRoot && 'not root' },
  async (t) => {
    const disk = join(folder, 'disk')
    if (!smallDisk(disk)) return t.comment('tmpfs cannot be mounted here')
    t.teardown(() => execFileSync('umount', [disk]))
    const lexicon = 'test/golden/lexicon'
    const output = join(disk, 'x.gguf')
    const error = await rejectionOf(convertModel({ source: lexicon, output, type: 'q8_0' }))
    t.match(error, { code: 'E_FILE_WRITE', why: /needs 7 MiB, but the disk has only 1 MiB free/ })
    t.same(readdirSync(disk), [])
    let filled = false
    const fill = () => {
      if (filled) return
      filled = true
      // dd ends with an error when the disk is full, which is what it is for here.
      spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'other')}`, 'bs=1k'], { stdio: 'ignore' })
    }
    const meanwhile = await rejectionOf(convertModel({ source, output, type: 'f32', onProgress: fill }))
    t.match(meanwhile, { code: 'E_FILE_WRITE', why: 'The disk is full.' })
    t.same(readdirSync(disk), ['other'])
  },
)

tap.test('an atomic file appears whole, with what was written in order', async (t) => {
  const path = join(folder, 'atomic')
  const file = await AtomicFile.create(path, false)
  await file.write(Buffer.from('one '))
  t.notOk(existsSync(path))
  await file.write(Buffer.from('two'))
  await file.commit()
  t.equal(readFileSync(path, 'utf8'), 'one two')
  t.notOk(existsSync(file.temporaryPath))
  await file.discard()
  t.equal(readFileSync(path, 'utf8'), 'one two', 'discard after commit does nothing')
})
