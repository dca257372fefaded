/** Downloads of one file from a server that does everything wrong. */
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tap, { type Test } from 'tap'
import { download, type RemoteFile } from '../../src/hub/transfer.js'
import { rejectionOf } from '../support/errors.js'
import { cutAfter, deny, gitSha1, sendContent, sha256 } from '../support/hub-server.js'
import { patternBytes, place } from './fixtures.js'

const content = patternBytes(300_000)
const name = 'weights.gguf'
const cdn = /^cdn.*weights/

/** A repository with one large file, and what downloads it. */
async function setUp(t: Test, more: Record<string, string> = {}) {
  const { hub, folder, connection } = await place(t, more)
  hub.serve('me/model', { files: { [name]: content, 'small.txt': 'small' } })
  const blobs = join(folder, 'blobs')
  const whole: RemoteFile = { path: name, size: content.length, etag: sha256(content) }
  const progress: number[] = []
  const get = (file: Partial<RemoteFile> = {}, signal?: AbortSignal) => {
    const remote = { ...whole, ...file }
    return download(
      {
        file: remote,
        url: `${hub.url}/me/model/resolve/main/${remote.path}`,
        subject: `me/model: ${remote.path}`,
        blobs,
        onProgress: (bytes) => progress.push(bytes),
      },
      { ...connection, ...(signal ? { signal } : {}) },
    )
  }
  const names = () => (existsSync(blobs) ? readdirSync(blobs) : [])
  const isWhole = () => {
    t.same(names(), [whole.etag])
    t.ok(readFileSync(join(blobs, whole.etag)).equals(content), 'the content is right')
  }
  return { hub, blobs, get, names, isWhole, progress, connection }
}

tap.test('a large file comes from where the hub redirects, which does not see the token', async (t) => {
  const { hub, get, isWhole, progress } = await setUp(t, { HF_TOKEN: 'hf_secret' })
  await get()
  isWhole()
  t.match(hub.requests, [{ authorization: 'Bearer hf_secret' }, { authorization: undefined }])
  t.equal(progress.at(-1), content.length)
  t.same(
    progress,
    [...progress].sort((a, b) => a - b),
    'progress only grows',
  )
  await get()
  t.equal(hub.requests.length, 2, 'what is there is not asked for again')
})

tap.test("a small file has git's hash, an empty one needs no request", async (t) => {
  const { hub, get, names } = await setUp(t)
  await get({ path: 'small.txt', size: 5, etag: gitSha1(Buffer.from('small')) })
  t.same(names(), [gitSha1(Buffer.from('small'))])
  const before = hub.requests.length
  await get({ path: 'empty', size: 0, etag: gitSha1(Buffer.alloc(0)) })
  t.equal(hub.requests.length, before)
  t.equal(names().length, 2)
})

tap.test('a connection that breaks again and again is taken up where it broke', async (t) => {
  const { hub, get, isWhole } = await setUp(t)
  hub.fail(cdn, cutAfter(40_000), 7)
  await get()
  isWhole()
  const ranges = hub.ranges(/weights.*signature/)
  t.equal(ranges.length, 8, 'more failures than are borne in a row, with progress between them')
  t.equal(ranges[0], undefined)
  for (const range of ranges.slice(1)) t.match(range, /^bytes=[1-9]\d*-$/)
})

tap.test('an answer that ends early without an error is taken up too', async (t) => {
  const { hub, get, isWhole } = await setUp(t)
  hub.fail(cdn, (response, bytes) => void response.writeHead(200).end(bytes.subarray(0, 1000)))
  await get()
  isWhole()
  t.same(hub.ranges(/weights.*signature/), [undefined, 'bytes=1000-'])
})

tap.test('a server that ignores ranges', async (t) => {
  const { hub, get, isWhole } = await setUp(t)
  hub.fail(cdn, cutAfter(100_000))
  hub.fail(cdn, (response, bytes) => sendContent(response, bytes))
  await get()
  isWhole()
})

tap.test('without progress it is given up, and what came is kept for the next time', async (t) => {
  const { hub, get, names, isWhole } = await setUp(t)
  hub.fail(cdn, cutAfter(123_456))
  hub.fail(cdn, cutAfter(0), 4)
  const error = await rejectionOf(get())
  t.match(error, { code: 'E_NETWORK', message: /me\/model: weights\.gguf/, why: /broke/, next: /kept/ })
  t.match(names(), [/\.incomplete$/])
  await get()
  isWhole()
})

tap.test('sizes that are lies', async (t) => {
  for (const [announced, why] of [
    [content.length + 1, /It has 300000 bytes instead of 300001/],
    [content.length - 1, /It has 300000 bytes instead of 299999/],
  ] as const) {
    const { get, names } = await setUp(t)
    t.match(await rejectionOf(get({ size: announced })), { code: 'E_CHECKSUM', why })
    t.same(names(), [], 'nothing is left')
  }
  const { hub, get } = await setUp(t)
  hub.fail(cdn, (response, bytes) => void response.writeHead(200).end(Buffer.concat([bytes, bytes])))
  t.match(await rejectionOf(get()), { code: 'E_CHECKSUM', why: /longer than the 300000 bytes/ })
  const other = await setUp(t)
  other.hub.fail(cdn, (response) => {
    response.writeHead(206, { 'content-range': 'bytes 7-299999/300000' }).end('x')
  })
  t.match(await rejectionOf(other.get()), { code: 'E_CHECKSUM', why: /another part/ })
})

tap.test('content that is not what its hash says', async (t) => {
  const { hub, get, names, isWhole } = await setUp(t)
  const wrong = (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 150_000 ? byte ^ 1 : byte)))
  hub.fail(cdn, (response, bytes) => sendContent(response, wrong(bytes)))
  t.match(await rejectionOf(get()), { code: 'E_CHECKSUM', why: /^Its hash is [0-9a-f]{12}… instead of/ })
  t.same(names(), [], 'it is neither published nor kept')
  await get()
  isWhole()
  t.match(await rejectionOf(get({ path: 'small.txt', size: 5, etag: gitSha1(Buffer.from('other')) })), {
    code: 'E_CHECKSUM',
  })
})

tap.test('a damaged leftover is fetched again from the beginning', async (t) => {
  const { hub, blobs, get, isWhole, connection } = await setUp(t)
  mkdirSync(blobs)
  const leftover = `${sha256(content)}.00000000-0-aa.incomplete`
  writeFileSync(join(blobs, leftover), patternBytes(200_000, 5))
  await get()
  isWhole()
  t.same(hub.ranges(/weights.*signature/), ['bytes=200000-', undefined])
  t.match(connection.notices, [/damaged; starting it again/])
})

tap.test('the statuses of the hub', async (t) => {
  const { hub, get, isWhole, connection } = await setUp(t)
  const answer = (status: number, headers: Record<string, string> = {}) =>
    hub.fail(/resolve/, (response) => void response.writeHead(status, headers).end('no'))
  answer(429, { 'retry-after': '1' })
  answer(500)
  answer(503, { 'retry-after': '0' })
  answer(429, { 'retry-after': new Date(0).toUTCString() })
  await get()
  isWhole()
  t.match(connection.notices, [/too many requests.*Trying again in 1 s/])

  const refused = await setUp(t)
  const refusals: [number, string, string, object][] = [
    [
      403,
      'GatedRepo',
      'Ask.',
      { code: 'E_ACCESS', message: 'me/model is gated.', next: /Accept them at http/ },
    ],
    [401, 'GatedRepo', 'Ask.', { code: 'E_ACCESS', message: 'me/model is gated.', why: 'Ask.' }],
    [403, '', '', { code: 'E_ACCESS', message: /denies access to me\/model/ }],
    [401, '', '', { code: 'E_NOT_FOUND', why: /private/, next: /HF_TOKEN/ }],
    [404, 'EntryNotFound', 'Entry not found', { code: 'E_NOT_FOUND', why: 'Entry not found' }],
    [418, '', 'teapot', { code: 'E_NETWORK', why: /status 418: teapot/ }],
  ]
  for (const [status, code, message, error] of refusals) {
    refused.hub.fail(/resolve/, (response) => deny(response, status, code, message))
    t.match(await rejectionOf(refused.get()), error, `${status} ${code}`)
  }
  t.equal(refused.hub.requests.length, refusals.length, 'a refusal is not repeated')
  refused.hub.fail(/resolve/, (response) => void response.writeHead(429, { 'retry-after': '86400' }).end())
  t.match(await rejectionOf(refused.get()), { code: 'E_NETWORK', why: /too many/ })
  const withToken = await setUp(t, { HF_TOKEN: 'hf_old' })
  withToken.hub.fail(/resolve/, (response) => void response.writeHead(401).end())
  t.match(await rejectionOf(withToken.get()), { code: 'E_ACCESS', why: /does not accept the access token/ })
})

tap.test('answers that never come, and ones that stop coming', async (t) => {
  const { hub, get, isWhole } = await setUp(t, { HF_HUB_DOWNLOAD_TIMEOUT: '0.2' })
  hub.fail(cdn, () => {})
  hub.fail(cdn, (response, bytes) => {
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 5000))
  })
  await get()
  isWhole()
  t.same(hub.ranges(/weights.*signature/), [undefined, undefined, 'bytes=5000-'])
  hub.fail(/resolve/, () => {}, 20)
  const error = await rejectionOf(get({ path: 'small.txt', size: 5, etag: gitSha1(Buffer.from('small')) }))
  t.match(error, { code: 'E_NETWORK', why: /^Nothing came from http:.* for 0\.2 s\.$/ })
})

async function unusedAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

tap.test('redirects in a circle, and a server that is not there', async (t) => {
  const { hub, get, connection, blobs } = await setUp(t)
  hub.fail(/resolve/, (response) => void response.writeHead(302, { location: '?again' }).end(), 200)
  t.match(await rejectionOf(get()), { code: 'E_NETWORK', why: /redirect/ })
  const closed = await unusedAddress()
  const file = { path: 'x', size: 1, etag: sha256('x') }
  const transfer = { file, url: `${closed}/x`, subject: 'me/model: x', blobs, onProgress: () => {} }
  const error = await rejectionOf(download(transfer, connection))
  t.match(error, { code: 'E_NETWORK', why: `${closed} refused the connection.` })
})

tap.test('an abort keeps what came', async (t) => {
  const { hub, get, names, isWhole } = await setUp(t)
  const controller = new AbortController()
  hub.fail(cdn, (response, bytes) => {
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 70_000))
    setTimeout(() => controller.abort(), 100)
  })
  const error = await rejectionOf(get({}, controller.signal))
  t.match(error, { code: 'E_ABORTED', why: /kept/, next: /Run it again/ })
  t.match(names(), [/\.incomplete$/])
  await get()
  isWhole()
  t.same(hub.ranges(/weights.*signature/), [undefined, 'bytes=70000-'])
})
