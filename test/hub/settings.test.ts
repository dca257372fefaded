import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { hubSettings } from '../../src/hub/settings.js'
import { errorOf } from '../support/errors.js'

const linux = (env: Record<string, string>) => hubSettings(env, 'linux', '/home/me')

tap.test('folders', async (t) => {
  t.match(linux({}), {
    cacheDir: '/home/me/.cache/huggingface/hub',
    modelsDir: '/home/me/.cache/openelm/models',
  })
  t.match(linux({ XDG_CACHE_HOME: '/x' }), { cacheDir: '/x/huggingface/hub', modelsDir: '/x/openelm/models' })
  t.match(
    linux({ XDG_CACHE_HOME: 'x' }),
    { modelsDir: '/home/me/.cache/openelm/models' },
    'relative: ignored',
  )
  t.equal(linux({ HF_HOME: '/hf', XDG_CACHE_HOME: '/x' }).cacheDir, '/hf/hub')
  t.equal(linux({ HF_HOME: '~/hf' }).cacheDir, '/home/me/hf/hub')
  t.equal(linux({ HF_HOME: '/hf', HF_HUB_CACHE: '/hub' }).cacheDir, '/hub')
  t.equal(linux({ HUGGINGFACE_HUB_CACHE: '/old' }).cacheDir, '/old')
  t.equal(hubSettings({}, 'darwin', '/Users/me').modelsDir, '/Users/me/Library/Caches/openelm/models')
  t.equal(
    hubSettings({ LOCALAPPDATA: '/local' }, 'win32', '/me').modelsDir,
    join('/local', 'openelm', 'Cache', 'models'),
  )
})

tap.test('endpoint, timeout, offline', async (t) => {
  t.match(linux({}), { endpoint: 'https://huggingface.co', offline: false, timeoutMs: 30_000 })
  t.equal(linux({ HF_ENDPOINT: 'http://mirror:81/hub/' }).endpoint, 'http://mirror:81/hub')
  t.equal(linux({ HF_HUB_DOWNLOAD_TIMEOUT: '1.5' }).timeoutMs, 1500)
  for (const yes of ['1', 'true', 'YES', 'on']) t.ok(linux({ HF_HUB_OFFLINE: yes }).offline, yes)
  for (const no of ['', '0', 'false']) t.notOk(linux({ HF_HUB_OFFLINE: no }).offline, no)
  for (const [name, value] of [
    ['HF_ENDPOINT', 'mirror'],
    ['HF_ENDPOINT', 'ftp://mirror'],
    ['HF_HUB_DOWNLOAD_TIMEOUT', '0'],
    ['HF_HUB_DOWNLOAD_TIMEOUT', 'long'],
  ] as const) {
    const error = errorOf(() => linux({ [name]: value }))
    t.match(error, { code: 'E_USAGE', message: `${name} is "${value}".` })
    t.match(error, { why: /./, next: /./ })
  }
})

tap.test('the access token', async (t) => {
  const home = t.testdir({ token: 'hf_saved\n', elsewhere: 'hf_other' })
  t.equal(linux({ HF_HOME: '/none' }).token, undefined)
  t.equal(linux({ HF_TOKEN: ' hf_a ', HF_HOME: home }).token, 'hf_a')
  t.equal(linux({ HUGGING_FACE_HUB_TOKEN: 'hf_b', HF_HOME: home }).token, 'hf_b')
  t.equal(linux({ HF_HOME: home }).token, 'hf_saved')
  t.equal(linux({ HF_HOME: home, HF_TOKEN_PATH: join(home, 'elsewhere') }).token, 'hf_other')
  writeFileSync(join(home, 'token'), '')
  t.equal(linux({ HF_HOME: home }).token, undefined)
  const error = errorOf(() => linux({ HF_TOKEN: 'secret\nx: y' }))
  t.equal(error.code, 'E_USAGE')
  t.notMatch(JSON.stringify([error.message, error.why, error.next]), /secret/)
})
