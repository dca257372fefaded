/** Several processes that want the same file, living and dead. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tap, { type Test } from 'tap'
import { leftoverBytes, PartialFile } from '../../src/hub/partial-file.js'
import { rejectionOf } from '../support/errors.js'
import { place } from './fixtures.js'

const here = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
/** Of a process that has ended. */
const deadPid = spawnSync(process.execPath, ['-e', '']).pid
const leftover = (pid: number, random: string, host = here) => `key.${host}-${pid}-${random}.incomplete`

async function setUp(t: Test) {
  const { connection } = await place(t)
  const folder = t.testdir({})
  const target = join(folder, 'key')
  const claim = (signal?: AbortSignal) =>
    PartialFile.claim(folder, 'key', async () => existsSync(target), {
      ...connection,
      ...(signal ? { signal } : {}),
    })
  const put = (name: string, text: string, secondsAgo = 0) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    const time = new Date(Date.now() - 1000 * secondsAgo)
    utimesSync(path, time, time)
    return path
  }
  return { folder, target, claim, put, connection, names: () => readdirSync(folder) }
}

tap.test('starts, writes, publishes', async (t) => {
  const { folder, target, claim, names } = await setUp(t)
  const partial = await claim()
  t.match(names(), [new RegExp(`^key\\.${here}-${process.pid}-[0-9a-f]{12}\\.incomplete$`)])
  await partial?.write(Buffer.from('lo'), 3)
  await partial?.write(Buffer.from('hel'), 0)
  t.equal(await partial?.size(), 5)
  t.equal(await leftoverBytes(folder, 'key'), 5)
  await partial?.publish(target)
  t.same(names(), ['key'])
  t.equal(readFileSync(target, 'utf8'), 'hello')
  t.equal(await claim(), undefined, 'it is there')
})

tap.test('goes on with the largest file of ended processes and removes the others', async (t) => {
  const { claim, put, names } = await setUp(t)
  put(leftover(deadPid, 'aa'), 'short')
  put(leftover(deadPid, 'bb'), 'longest')
  put(leftover(0, 'cc'), 'longer')
  put('other.incomplete', 'of another tool')
  put('key.incomplete', 'of another tool too')
  const partial = await claim()
  t.equal(await partial?.size(), 7)
  t.equal(names().length, 3)
  await partial?.release()
  t.match(names(), [/^key\.[0-9a-f]{8}-0-[0-9a-f]+\.incomplete$/, 'key.incomplete', 'other.incomplete'])
  const again = await claim()
  t.equal(await again?.size(), 7)
  await again?.restart()
  await again?.release()
  t.same(names(), ['key.incomplete', 'other.incomplete'], 'an empty one is not kept')
})

tap.test('a silent process does not block, and cannot spoil what another goes on with', async (t) => {
  const { claim, put, target } = await setUp(t)
  // Alive, but suspended; and on a machine that nothing is known of.
  for (const [pid, host] of [
    [process.ppid, here],
    [deadPid, '00000000'],
  ] as const) {
    const path = put(leftover(pid, 'aa', host), 'begun', 3600)
    const sleeper = openSync(path, 'r+')
    const partial = await claim()
    t.equal(await partial?.size(), 5)
    t.notOk(existsSync(path))
    writeSync(sleeper, 'SPOILED')
    await partial?.publish(target)
    t.equal(readFileSync(target, 'utf8'), 'begun')
    await sleep(0)
    spawnSync('rm', [target])
  }
})

tap.test('waits for a living process, and for nothing longer than that', async (t) => {
  const { claim, put, target, connection, names } = await setUp(t)
  put(leftover(process.ppid, 'aa'), 'begun')
  const waiting = claim()
  await sleep(300)
  t.match(connection.notices, [/Another process is downloading/])
  writeFileSync(target, 'done')
  t.equal(await waiting, undefined)
  spawnSync('rm', [target])
  const controller = new AbortController()
  const aborted = claim(controller.signal)
  controller.abort()
  t.match(await rejectionOf(aborted), { code: 'E_ABORTED' })
  t.equal(names().length, 1)
  const next = claim()
  put(leftover(process.ppid, 'aa'), 'begun', 3600)
  const partial = await next
  t.equal(await partial?.size(), 5)
  await partial?.release()
})

tap.test('of many at once one downloads and the others wait for it', async (t) => {
  const { claim, target, names } = await setUp(t)
  let downloads = 0
  const one = async () => {
    const partial = await claim()
    if (!partial) return
    downloads++
    await partial.write(Buffer.from('content'), 0)
    await sleep(400)
    await partial.publish(target)
  }
  await Promise.all(Array.from({ length: 5 }, one))
  t.equal(downloads, 1)
  t.same(names(), ['key'])
})

tap.test('what another process published meanwhile is as good', async (t) => {
  const { claim, target, folder, names } = await setUp(t)
  const partial = await claim()
  await partial?.write(Buffer.from('content'), 0)
  writeFileSync(target, 'content')
  spawnSync('rm', [join(folder, names().find((name) => name.endsWith('.incomplete')) ?? '')])
  await partial?.publish(target)
  t.equal(readFileSync(target, 'utf8'), 'content')
})
