/** Pulls that fail or are interrupted. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import tap from 'tap'
import { planPull, pull } from '../../src/hub/pull.js'
import { allModels } from '../../src/hub/store.js'
import { inspect } from '../../src/model/inspection.js'
import { rejectionOf } from '../support/errors.js'
import { deny } from '../support/hub-server.js'
import { apple, appleFiles, contentRequests, ggufRepository, place, pullNow, reference } from './fixtures.js'

tap.test('repositories without what is needed', async (t) => {
  const here = await place(t)
  const { hub, connection } = here
  hub.serve('me/GGUFs', ggufRepository)
  hub.serve('me/nothing', { files: { 'README.md': '', 'pytorch_model.bin': 'x' } })
  hub.serve('me/private', { files: {}, token: 'hf_right' })
  const cases: [string, object][] = [
    ['me/GGUFs', { code: 'E_USAGE', why: /tiny\.gguf, more\/other\.gguf/, next: /me\/GGUFs:tiny\.gguf/ }],
    ['me/GGUFs:none.gguf', { code: 'E_NOT_FOUND', message: /no file none\.gguf/, why: /tiny\.gguf/ }],
    ['me/GGUFs:q4_0', { code: 'E_USAGE', message: /no checkpoint to convert/ }],
    ['me/nothing', { code: 'E_NOT_FOUND', message: /no model that openelm can use/ }],
    ['me/none', { code: 'E_NOT_FOUND', message: 'me/none does not exist on the hub.', why: /private/ }],
    ['me/private', { code: 'E_NOT_FOUND' }],
  ]
  for (const [text, error] of cases) {
    t.match(await rejectionOf(planPull(reference(text), connection)), error, text)
  }
  const settings = { ...connection.settings, token: 'hf_right' }
  t.match(await rejectionOf(planPull(reference('me/private'), { ...connection, settings })), {
    message: /no model that openelm can use/,
  })
})

tap.test('answers of the hub that fail or make no sense', async (t) => {
  const here = await place(t)
  const { hub, folder, connection } = here
  hub.serve(apple, { files: appleFiles(folder) })
  const plan = () => planPull(reference('270m-instruct'), connection)
  const api = /\/api\//
  hub.fail(api, (response) => deny(response, 403, 'GatedRepo', 'Accept the terms first.'))
  t.match(await rejectionOf(plan()), { code: 'E_ACCESS', why: 'Accept the terms first.' })
  for (const body of ['<html>', '{}', 'null', '{"sha": "../../etc"}', '[1']) {
    hub.fail(api, (response) => void response.end(body))
    t.match(await rejectionOf(plan()), { code: 'E_CHECKSUM' }, body)
  }
  for (const body of ['<html>', '{}', '[null]']) {
    hub.fail(/\/tree\//, (response) => void response.end(body))
    t.match(await rejectionOf(plan()), { code: 'E_CHECKSUM' }, body)
  }
  hub.fail(api, (response) => void response.writeHead(502).end(), 5)
  t.match(await rejectionOf(plan()), { code: 'E_NETWORK', why: /502/ })
  hub.fail(api, (response) => void response.writeHead(429, { 'retry-after': '0' }).end(), 2)
  hub.fail(api, (response) => void response.destroy(), 2)
  t.equal((await plan()).repo, apple, 'what passes is waited for')
})

tap.test('a listing cannot place files outside of its folder', async (t) => {
  const here = await place(t)
  const { hub, folder } = here
  const files = appleFiles(folder)
  const evil = { '../config.json': '{}', '/etc/x.safetensors': 'x', 'a\\..\\x.safetensors': 'x' }
  hub.serve(apple, { files: { ...files, ...evil } })
  await pullNow(here, '270m-instruct')
  t.same(
    contentRequests(here).filter((path) => /\.\.|etc/.test(path)),
    [],
  )
})

tap.test('offline nothing is asked', async (t) => {
  const { hub, connection } = await place(t, { HF_HUB_OFFLINE: '1' })
  const error = await rejectionOf(planPull(reference('270m'), connection))
  t.match(error, { code: 'E_NOT_PULLED', message: '270m is not on this machine.', why: /HF_HUB_OFFLINE/ })
  t.same(hub.requests, [])
})

tap.test('an abort in any phase leaves what can be gone on with', async (t) => {
  const here = await place(t)
  const { hub, folder, settings, connection } = here
  hub.serve(apple, { files: appleFiles(folder) })
  for (const wanted of ['download', 'convert'] as const) {
    const controller = new AbortController()
    const plan = await planPull(reference('270m-instruct'), connection)
    const running = pull(plan, { ...connection, signal: controller.signal }, ({ phase, doneBytes }) => {
      if (phase === wanted && doneBytes > 1000) controller.abort()
    })
    t.match(await rejectionOf(running), { code: 'E_ABORTED' }, wanted)
    t.same(allModels(settings.modelsDir), [])
    t.notOk(existsSync(plan.path))
  }
  t.equal(inspect((await pullNow(here, '270m-instruct')).path).problem, undefined)
})

tap.test('a cache that cannot be written', async (t) => {
  const here = await place(t)
  const { hub, folder, settings, connection } = here
  hub.serve(apple, { files: appleFiles(folder) })
  const blocked = join(t.testdir({ file: '' }), 'file')
  const shared = { ...connection, settings: { ...settings, cacheDir: blocked } }
  const error = await rejectionOf(planPull(reference('270m-instruct'), shared))
  t.match(error, { code: 'E_FILE_WRITE', why: /is a file|ENOTDIR|exist/ })
  const own = { ...connection, settings: { ...settings, modelsDir: blocked } }
  const plan = await planPull(reference('270m-instruct'), own)
  t.match(await rejectionOf(pull(plan, own)), { code: 'E_FILE_WRITE' })
})

tap.test('what a killed conversion left is removed, what a running one writes is not', async (t) => {
  const here = await place(t)
  here.hub.serve(apple, { files: appleFiles(here.folder) })
  const target = (await planPull(reference('270m-instruct'), here.connection)).path
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  const name = (pid: number | undefined) => join(dirname(target), `.${basename(target)}.${pid}-abc.tmp`)
  mkdirSync(dirname(target), { recursive: true })
  for (const [pid, secondsAgo] of [
    [dead, 3600],
    [process.ppid, 3600],
  ] as const) {
    writeFileSync(name(pid), 'left')
    const time = new Date(Date.now() - 1000 * secondsAgo)
    utimesSync(name(pid), time, time)
  }
  await pullNow(here, '270m-instruct')
  t.notOk(existsSync(name(dead)))
  t.ok(existsSync(name(process.ppid)))
})
