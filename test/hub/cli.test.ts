/** Models by name, as a user of the command line gets and uses them. */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tap, { type Test } from 'tap'
import { errorLines, openelm } from '../support/cli.js'
import { sendContent } from '../support/hub-server.js'
import { DEFINE_OCEAN } from '../support/lexicon.js'
import { apple, appleCard, lexiconFiles, licenseText, place } from './fixtures.js'

const OCEAN =
  'Ocean is a noun. It means "a large body of water constituting a principal part of the hydrosphere".'

/** A hub on which Apple's smallest checkpoint is one that answers. */
async function setUp(t: Test, more: Record<string, string> = {}) {
  const here = await place(t, more)
  here.hub.serve(apple, { files: lexiconFiles(), card: appleCard })
  const cli = (args: string[], stdin = '', env: Record<string, string> = {}) =>
    openelm(args, { env: { ...here.env, ...env }, stdin })
  return { ...here, cli }
}

tap.test('pull, list, show, use, remove', async (t) => {
  const { hub, cli, settings } = await setUp(t)
  t.match(await cli(['list']), { code: 0, stdout: '', stderr: /No model was pulled yet/ })
  const pulled = await cli(['pull', '270m-instruct'])
  t.match(pulled, { code: 0, stdout: '' })
  t.match(
    pulled.stderr,
    /^The licence of apple\/OpenELM-270M-Instruct, shown once:\n\nYou may use this model {4}to/,
  )
  t.match(pulled.stderr, /\n.*: 11\.\d MiB to download, licence test-licence\nDownloading\nConverting\n/)
  t.match(pulled.stderr, /\n270m-instruct:q8_0 is ready: 6\.0 MiB, \/.*OpenELM-270M-Instruct-q8_0\.gguf\n$/)
  t.notMatch(pulled.stderr, /█|\p{Cc}\[/u, 'no progress bar without a terminal')
  const again = await cli(['pull', apple])
  t.match(again, { code: 0, stderr: /^270m-instruct:q8_0 is up to date: .*\n$/ })
  t.match(await cli(['pull', '270m-instruct', '--type', 'q4_0', '-q']), { code: 0, stderr: '' })

  const asked = hub.requests.length
  const list = await cli(['list'])
  t.match(list.stdout, /^model +size +licence +pulled\n270m-instruct:q4_0 +3\.\d MiB +test-licence +\d{4}-/)
  const entries = JSON.parse((await cli(['list', '--json'])).stdout)
  t.match(entries, [{ name: '270m-instruct:q4_0' }, { name: '270m-instruct:q8_0', repo: apple }])
  const show = await cli(['show', '270m-instruct:q8_0'])
  for (const row of [
    /^model +270m-instruct:q8_0$/m,
    new RegExp(`^source +${hub.url}/${apple}$`, 'm'),
    /^licence +test-licence$/m,
    /^path +\/.*q8_0\.gguf$/m,
    /^parameters +5,821,184$/m,
    /^context +256 tokens$/m,
    /^downloads +\/.*models--apple--OpenELM-270M-Instruct \(11\.\d MiB\)$/m,
  ]) {
    t.match(show.stdout, row)
  }
  const json = JSON.parse((await cli(['show', '270m-instruct', '--json'])).stdout)
  t.match(json, {
    name: '270m-instruct:q4_0',
    repo: apple,
    commit: hub.commitOf(apple),
    config: { headDim: 32 },
  })
  t.equal(readFileSync(json.licenseText, 'utf8'), licenseText)

  // Nothing listens at this endpoint: what is here needs no network.
  const offline = { HF_ENDPOINT: 'http://127.0.0.1:9', OPENELM_MODEL: '' }
  const answer = { code: 0, stdout: OCEAN, stderr: '' }
  t.match(await cli(['run', '-m', '270m-instruct:q8_0', DEFINE_OCEAN], '', offline), answer)
  t.match(await cli(['run', '-m', `${apple}:q8_0`, DEFINE_OCEAN], '', offline), answer)
  t.match(await cli(['run', '270m-instruct', '-n', '4', DEFINE_OCEAN], '', offline), { code: 0, stderr: '' })
  t.match(await cli(['run', '270m-instruct', '-n', '4'], DEFINE_OCEAN, offline), { code: 0, stderr: '' })
  const byEnvironment = { ...offline, OPENELM_MODEL: '270m-instruct:q8_0' }
  t.match(await cli(['run', DEFINE_OCEAN], '', byEnvironment), answer)
  const bench = ['bench', '-m', '270m-instruct:q8_0', '-p', '4', '-n', '0', '-r', '1', '-o', 'json']
  t.match(JSON.parse((await cli(bench, '', offline)).stdout), [{ n_prompt: 4 }])
  const here = await cli(['pull', '270m-instruct'], '', { ...offline, HF_HUB_OFFLINE: '1' })
  t.match(here, { code: 0, stderr: /^270m-instruct:q4_0 is here; HF_HUB_OFFLINE/ })
  t.equal(hub.requests.length, asked)

  t.match(await cli(['rm', '270m-instruct:q4_0']), {
    code: 0,
    stderr: /^Removed 270m-instruct:q4_0 \(.*\)\n$/,
  })
  t.match(await cli(['rm', '270m-instruct:q4_0']), { code: 1, stderr: /E_NOT_PULLED/ })
  t.equal(JSON.parse((await cli(['list', '--json'])).stdout).length, 1)
  t.match(await cli(['rm', '270m-instruct', '--downloads']), {
    code: 0,
    stderr: /q8_0.*\n.*the downloads of/,
  })
  t.same(readdirSync(settings.modelsDir), [])
  t.same(readdirSync(settings.cacheDir), [])
})

tap.test('a published GGUF file is removed from the shared cache', async (t) => {
  const { hub, cli, settings } = await setUp(t)
  hub.serve('me/GGUFs', { files: { 'a.gguf': 'not a model', 'b.gguf': 'nor this' } })
  t.match(await cli(['pull', 'me/GGUFs:a.gguf']), { code: 0, stderr: /me\/GGUFs:a\.gguf is ready/ })
  t.match(await cli(['run', '-m', 'me/GGUFs:a.gguf', 'hi']), { code: 1, stderr: /E_FORMAT/ })
  t.match(await cli(['pull', 'me/GGUFs:a.gguf', '--type', 'q4_0']), { code: 2, stderr: /contradicts/ })
  t.match(await cli(['rm', 'me/GGUFs']), { code: 0 })
  const left = readdirSync(settings.cacheDir, { recursive: true, encoding: 'utf8' })
  t.same(
    left.filter((name) => /gguf|blobs\/./.test(name)),
    [],
  )
})

tap.test('without a terminal a download needs --yes', async (t) => {
  const { hub, cli } = await setUp(t)
  for (const args of [
    ['run', '-m', '270m-instruct', 'hi'],
    ['run', '270m-instruct', 'hi'],
    ['bench', '-m', '270m-instruct'],
  ]) {
    const result = await cli(args)
    t.match(result, { code: 2, stdout: '' }, args.join(' '))
    t.match(errorLines(result.stderr), {
      error: '270m-instruct is not on this machine. (E_NO_TTY)',
      why: /consent/,
      next: /openelm pull 270m-instruct.*--yes/,
      rest: [],
    })
  }
  t.same(hub.requests, [], 'the hub is not even asked')
  const { code, stdout, stderr } = await cli(['run', '--yes', '270m-instruct', DEFINE_OCEAN])
  t.same([code, stdout], [0, OCEAN])
  t.match(stderr, /shown once[\s\S]*Downloading\nConverting\n$/)
  const offline = { HF_HUB_OFFLINE: '1' }
  t.match(await cli(['run', '-y', '-m', '3b', 'hi'], '', offline), {
    code: 1,
    stderr: /E_NOT_PULLED[\s\S]*OFFLINE/,
  })
  t.match(await cli(['pull', '3b'], '', offline), { code: 1, stderr: /E_NOT_PULLED/ })
})

tap.test('names and prompts', async (t) => {
  const { cli } = await setUp(t)
  const cases: [string[], number, RegExp][] = [
    [['pull'], 2, /Missing required argument 'model'/],
    [['pull', 'nonsense'], 1, /"nonsense" does not exist\. \(E_FILE_NOT_FOUND\)/],
    [['pull', '270n'], 1, /Did you mean "270m"\?/],
    [['pull', '270m:q4_0', '--type', 'q8_0'], 2, /contradicts/],
    [['pull', '270m:x.bin'], 2, /E_USAGE/],
    [['pull', 'me/none'], 1, /E_NOT_FOUND/],
    [['show', '270m'], 1, /E_NOT_PULLED/],
    [['rm', '270m', '450m'], 1, /E_NOT_PULLED/],
    [['run', '-m', '270mm', 'hi'], 1, /"270mm" does not exist.*\nwhy: +Did you mean "270m"/],
    [['run', '-m', 'models/none.gguf', 'hi'], 1, /no file at that path/],
    [['run', '-m', './none', 'hi'], 1, /no file at that path/],
    [['pull', '270m'], 2, /HF_ENDPOINT is "x"/],
  ]
  for (const [args, code, error] of cases) {
    const result = await cli(args, '', String(error).includes('HF_ENDPOINT') ? { HF_ENDPOINT: 'x' } : {})
    t.match(result, { code, stdout: '', stderr: error }, args.join(' '))
    t.same(errorLines(result.stderr).rest, [])
  }
  // Only a first argument that is exactly a short name is one; -m makes all arguments the prompt.
  const count = async (...args: string[]) =>
    JSON.parse((await cli(['run', '--json', '-n', '0', ...args])).stdout).usage.prompt_tokens
  t.equal(await count('270M', 'is', 'small'), await count('270M is small'))
  t.equal(
    await count('-m', 'models/openelm-lexicon-6m-q8_0.gguf', '3b', 'or', 'not'),
    await count('3b or not'),
  )
})

tap.test('Ctrl-C and a kill leave what the next pull goes on with', async (t) => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 130],
    ['SIGKILL', null],
  ] as const) {
    const { hub, env, cli } = await setUp(t)
    hub.fail(/^cdn.*safetensors/, (response, content) => {
      response.writeHead(200, { 'content-length': content.length })
      response.write(content.subarray(0, 2_000_000))
    })
    const result = await openelm(['pull', '270m-instruct'], {
      env,
      meanwhile: async (child) => {
        while (hub.ranges(/safetensors\?/).length === 0) await sleep(5)
        await sleep(300)
        child.kill(signal)
      },
    })
    t.equal(result.code, code, result.stderr)
    if (code) t.match(result.stderr, /interrupted\. \(E_ABORTED\)\nwhy: +What has come so far is kept/)
    t.match(await cli(['pull', '270m-instruct']), { code: 0, stderr: /is ready/ }, signal)
    t.match(hub.ranges(/safetensors\?/), [undefined, /^bytes=[1-9]\d{4,}-$/], `${signal}: resumed`)
    t.match(await cli(['run', '270m-instruct', DEFINE_OCEAN]), { code: 0, stdout: OCEAN })
  }
})

tap.test('two processes that pull the same model', async (t) => {
  const { hub, cli } = await setUp(t)
  hub.fail(/^cdn.*safetensors/, async (response, content) => {
    await sleep(1500)
    sendContent(response, content)
  })
  const results = await Promise.all([cli(['pull', '270m-instruct']), cli(['pull', '270m-instruct'])])
  for (const { code, stderr } of results) t.equal(code, 0, stderr)
  t.equal(hub.ranges(/safetensors\?/).length, 1, 'one downloaded it')
  t.match(await cli(['run', '270m-instruct', DEFINE_OCEAN]), { code: 0, stdout: OCEAN })
})

tap.test('a path loads nothing of the hub, a pulled name not its client', async (t) => {
  const { cli, settings } = await setUp(t)
  await cli(['pull', '-q', '270m-instruct'])
  const traced = async (model: string) => {
    const { code, stderr } = await cli(['run', '-m', model, '-n', '1', 'hi'], '', { NODE_DEBUG: 'esm' })
    t.equal(code, 0)
    t.match(stderr, /dist\/cli\.js/, 'the trace of modules works')
    return stderr
  }
  const file = join(settings.modelsDir, 'apple--OpenELM-270M-Instruct/OpenELM-270M-Instruct-q8_0.gguf')
  t.notMatch(await traced(file), /dist\/obtain-|@huggingface\/hub/)
  const byName = await traced('270m-instruct')
  t.match(byName, /dist\/obtain-/)
  t.notMatch(byName, /@huggingface\/hub|dist\/pull-on-demand-/)
  rmSync(file)
  t.match(
    await cli(['run', '-m', '270m-instruct', '-n', '1', 'hi']),
    { code: 0 },
    'made again from the cache',
  )
})
