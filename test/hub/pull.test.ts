/** Whole pulls within this process: what is asked for, and what the caches hold afterwards. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { scanCacheDir } from '@huggingface/hub'
import tap from 'tap'
import { rememberLicense } from '../../src/hub/license.js'
import { isCurrent, type PullPlan, planFromCache, planPull, pull } from '../../src/hub/pull.js'
import { allModels, findModel, nameOf } from '../../src/hub/store.js'
import { inspect } from '../../src/model/inspection.js'
import { gitSha1, sendContent, sha256 } from '../support/hub-server.js'
import {
  apple,
  appleCard,
  appleFiles,
  contentRequests,
  ggufRepository,
  licenseText,
  place,
  pullNow,
  reference,
} from './fixtures.js'

tap.test('a checkpoint: the layout of the shared cache, the converted model, its record', async (t) => {
  const here = await place(t)
  const { hub, folder, settings, connection } = here
  const files = appleFiles(folder)
  hub.serve(apple, { files, card: appleCard })
  const plan = await planPull(reference('270m-instruct'), connection)
  const wanted = ['LICENSE', 'README.md', 'config.json', 'model.safetensors']
  const bytes = (names: readonly string[]) => names.reduce((sum, name) => sum + (files[name]?.length ?? 0), 0)
  t.match(plan, { repo: apple, license: 'test-licence', unseenLicense: licenseText, type: 'q8_0' })
  t.equal(plan.downloadBytes, bytes(wanted.slice(1)), 'the licence is here already')
  const phases = new Set<string>()
  const model = await pull(plan, connection, ({ phase, doneBytes, totalBytes }) => {
    t.ok(doneBytes <= totalBytes)
    phases.add(phase)
  })
  t.same([...phases], ['download', 'convert'])

  const repository = join(settings.cacheDir, 'models--apple--OpenELM-270M-Instruct')
  const commit = hub.commitOf(apple)
  t.equal(readFileSync(join(repository, 'refs/main'), 'utf8'), commit)
  t.same(readdirSync(join(repository, 'snapshots')), [commit])
  t.same(readdirSync(join(repository, 'snapshots', commit)), wanted, 'no code is downloaded')
  for (const name of wanted) {
    const content = files[name] ?? Buffer.alloc(0)
    const etag = name.endsWith('.safetensors') ? sha256(content) : gitSha1(content)
    t.equal(readlinkSync(join(repository, 'snapshots', commit, name)), `../../blobs/${etag}`)
    t.ok(readFileSync(join(repository, 'blobs', etag)).equals(content), name)
  }
  t.equal(readdirSync(join(repository, 'blobs')).length, wanted.length)
  const { repos, warnings } = await scanCacheDir(settings.cacheDir)
  t.same(warnings, [])
  t.match(repos, [{ id: { name: apple, type: 'model' }, filesCount: 4, revisions: [{ refs: ['main'] }] }])

  t.match(inspect(model.path), { name: 'OpenELM-270M-Instruct', fileType: 'Q8_0', problem: undefined })
  t.same(allModels(settings.modelsDir), [model])
  t.match(model, { repo: apple, commit, license: 'test-licence', type: 'q8_0', endpoint: hub.url })
  t.equal(nameOf(model), '270m-instruct:q8_0')

  const before = contentRequests(here).length
  const again = await planPull(reference('270m-instruct'), connection)
  t.equal(again.downloadBytes, 0)
  t.ok(isCurrent(again, settings.modelsDir))
  const { mtimeMs } = lstatSync(model.path)
  await pull(again, connection)
  t.equal(lstatSync(model.path).mtimeMs, mtimeMs, 'it is not converted again')
  const q4 = await pullNow(here, '270m-instruct:q4_0')
  t.equal(contentRequests(here).length, before, 'nothing is downloaded twice')
  t.equal(inspect(q4.path).fileType, 'Q4_0')
  t.equal(findModel(settings.modelsDir, reference('270m-instruct'))?.type, 'q4_0', 'the one pulled last')
  t.equal(findModel(settings.modelsDir, reference('270m-instruct:q8_0'))?.type, 'q8_0')
})

tap.test('a new commit: what changed is downloaded, and the model made again', async (t) => {
  const here = await place(t)
  const { hub, folder, settings } = here
  const files = appleFiles(folder)
  hub.serve(apple, { files, card: appleCard })
  const first = await pullNow(here, '270m-instruct')
  const before = contentRequests(here).length
  const readme = '---\nlicense: mit\n---\n'
  const commit = 'c'.repeat(40)
  hub.serve(apple, { files: { ...files, 'README.md': readme }, card: { license: 'mit' }, commit })
  t.match(
    findModel(settings.modelsDir, reference('270m-instruct')),
    first,
    'until it is pulled the old one is used',
  )
  const second = await pullNow(here, '270m-instruct')
  t.same(contentRequests(here).slice(before), [`/${apple}/resolve/${commit}/README.md`])
  t.match(second, { commit, license: 'mit', path: first.path })
  t.equal(inspect(second.path).metadata['general.license'], 'mit')
  t.equal(allModels(settings.modelsDir).length, 1)
})

tap.test('shards', async (t) => {
  const here = await place(t)
  here.hub.serve('apple/OpenELM-3B', { files: appleFiles(here.folder, 3) })
  const model = await pullNow(here, '3b:f16')
  t.match(inspect(model.path), { fileType: 'F16', problem: undefined })
})

tap.test('published GGUF files are used as they are', async (t) => {
  const here = await place(t)
  const { hub, settings } = here
  hub.serve('me/GGUFs', ggufRepository)
  const model = await pullNow(here, 'me/GGUFs:more/other.gguf')
  t.ok(model.path.startsWith(settings.cacheDir))
  t.equal(inspect(model.path).name, 'tiny')
  t.equal(nameOf(model), 'me/GGUFs:more/other.gguf')
  t.same(
    contentRequests(here).map((path) => path.split('/').slice(5).join('/')),
    ['more/other.gguf'],
  )
  hub.serve('me/one', { files: { 'only.gguf': ggufRepository.files['tiny.gguf'] ?? '' } })
  t.match(await pullNow(here, 'me/one'), { file: 'only.gguf' })
  t.equal(allModels(settings.modelsDir).length, 2)
})

tap.test('what the cache of the hub holds is converted without asking the hub', async (t) => {
  const here = await place(t)
  const { hub, folder, settings, connection } = here
  const files = appleFiles(folder)
  hub.serve(apple, { files })
  hub.serve('me/own', { files })
  const cached = (text: string) => planFromCache(reference(text), connection)
  t.equal(cached('270m-instruct'), undefined)
  for (const text of ['270m-instruct', 'me/own']) await pullNow(here, text)
  rmSync(settings.modelsDir, { recursive: true })
  const before = hub.requests.length
  const plan = cached('270m-instruct:q4_0') as PullPlan
  t.match(plan, { downloadBytes: 0, license: 'test-licence', unseenLicense: licenseText, type: 'q4_0' })
  t.equal(inspect((await pull(plan, connection)).path).fileType, 'Q4_0')
  t.equal(cached('me/own'), undefined, 'somebody may have left its tokenizer out')
  t.equal(hub.requests.length, before)
  const snapshot = join(
    settings.cacheDir,
    'models--apple--OpenELM-270M-Instruct/snapshots',
    hub.commitOf(apple),
  )
  rmSync(join(snapshot, 'model.safetensors'))
  t.equal(cached('270m-instruct'), undefined, 'incomplete')
})

tap.test('a licence is unseen once, and again when it changes', async (t) => {
  const here = await place(t)
  const { hub, folder, settings, connection } = here
  const files = appleFiles(folder)
  hub.serve(apple, { files })
  const unseen = async () => (await planPull(reference('270m-instruct'), connection)).unseenLicense
  t.equal(await unseen(), licenseText)
  t.equal(await unseen(), licenseText, 'until it was shown')
  await rememberLicense(settings.modelsDir, apple, licenseText)
  t.equal(await unseen(), undefined)
  hub.serve(apple, { files: { ...files, LICENSE: 'Pay.' }, commit: 'd'.repeat(40) })
  t.equal(await unseen(), 'Pay.')
})

tap.test('pulls at the same time share the download', async (t) => {
  const here = await place(t)
  const { hub, folder, settings } = here
  hub.serve(apple, { files: appleFiles(folder), card: appleCard })
  // Slow enough that all of them want it at once.
  hub.fail(/^cdn/, async (response, content) => {
    await new Promise((resolve) => setTimeout(resolve, 500))
    sendContent(response, content)
  })
  const models = await Promise.all(
    ['q8_0', 'q4_0', 'f16'].map((type) => pullNow(here, `270m-instruct:${type}`)),
  )
  t.equal(contentRequests(here).filter((path) => path.endsWith('.safetensors')).length, 1)
  for (const { path } of models) t.equal(inspect(path).problem, undefined)
  const left = readdirSync(settings.cacheDir, { recursive: true, encoding: 'utf8' })
  t.same(
    left.filter((name) => /incomplete|tmp/.test(name)),
    [],
  )
})
