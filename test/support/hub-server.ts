import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface ServedRepository {
  readonly files: Readonly<Record<string, Uint8Array | string>>
  readonly card?: unknown
  /** Requests without this token get what the hub says of a private repository. */
  readonly token?: string
  readonly commit?: string
}

export interface ServedRequest {
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

/** Takes over an answer. `content` is what would be sent, `start` its first byte that was asked for. */
type Fault = (response: ServerResponse, content: Buffer, start: number) => void | Promise<void>

/** Files that the hub keeps in LFS: they have a SHA-256 and come from another server. */
const inLfs = (path: string) => /\.(safetensors|gguf|model)$/.test(path)

const pageSize = 3

/** The hub's endpoints that openelm uses, on loopback, and a server for large files that it redirects to. */
export class HubServer {
  readonly #hub: Server
  readonly #cdn: Server
  readonly #repositories = new Map<string, ServedRepository>()
  readonly #faults: { readonly on: RegExp; readonly act: Fault; times: number }[] = []
  /** Everything that was asked for, in order. */
  readonly requests: ServedRequest[] = []

  private constructor() {
    this.#hub = createServer((request, response) => void this.#answerHub(request, response))
    this.#cdn = createServer((request, response) => void this.#answerCdn(request, response))
  }

  static async start(t: Test): Promise<HubServer> {
    const server = new HubServer()
    for (const one of [server.#hub, server.#cdn]) {
      await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))
      t.teardown(() => {
        one.closeAllConnections()
        one.close()
      })
    }
    return server
  }

  get url(): string {
    return urlOf(this.#hub)
  }

  serve(repo: string, repository: ServedRepository): void {
    this.#repositories.set(repo, repository)
  }

  /** Answers the next `times` requests whose path matches in another way. */
  fail(on: RegExp, act: Fault, times = 1): void {
    this.#faults.push({ on, act, times })
  }

  /** Requests for the content of a file, by its range. */
  ranges(on: RegExp): (string | undefined)[] {
    return this.requests.filter(({ path }) => on.test(path)).map(({ range }) => range)
  }

  commitOf(repo: string): string {
    const served = this.#repositories.get(repo)
    return served?.commit ?? sha1(JSON.stringify(Object.keys(served?.files ?? {})))
  }

  #record(request: IncomingMessage): string {
    const path = decodeURIComponent(request.url ?? '')
    const { range, authorization } = request.headers
    this.requests.push({ path, range, authorization })
    return path
  }

  async #faulty(path: string, response: ServerResponse, content: Buffer, start: number): Promise<boolean> {
    const fault = this.#faults.find(({ on, times }) => times > 0 && on.test(path))
    if (!fault) return false
    fault.times--
    await fault.act(response, content, start)
    return true
  }

  async #answerHub(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = this.#record(request)
    if (await this.#faulty(path, response, Buffer.alloc(0), 0)) return
    const [, api, repo = '', kind, rest = ''] =
      /^(\/api\/models)?\/([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^?]*)/.exec(path) ?? []
    const served = this.#repositories.get(repo)
    if (!served) return void deny(response, 401, 'RepoNotFound', 'Invalid username or password.')
    if (served.token && request.headers.authorization !== `Bearer ${served.token}`) {
      return void deny(response, 401, 'RepoNotFound', 'Invalid username or password.')
    }
    if (api && kind === 'revision') {
      const { card: cardData } = served
      const common = { _id: '1', id: repo, private: false, gated: false, downloads: 0, likes: 0 }
      const lastModified = '2024-04-12T21:51:56.000Z'
      return void json(response, { ...common, lastModified, sha: this.commitOf(repo), cardData })
    }
    if (api) return void this.#tree(request, response, served)
    this.#resolve(response, request, served, repo, rest.split('/').slice(1).join('/'))
  }

  /** The listing, in pages. */
  #tree(request: IncomingMessage, response: ServerResponse, { files }: ServedRepository): void {
    const url = new URL(request.url ?? '', this.url)
    const from = Number(url.searchParams.get('cursor') ?? 0)
    const entries = Object.entries(files).map(([path, content]) => {
      const bytes = Buffer.from(content)
      const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 134 }
      const entry = { type: 'file', path, size: bytes.length, oid: gitSha1(bytes) }
      return inLfs(path) ? { ...entry, oid: sha1(path), lfs, xetHash: sha256(path) } : entry
    })
    if (from + pageSize < entries.length) {
      url.searchParams.set('cursor', `${from + pageSize}`)
      response.setHeader('link', `<${url}>; rel="next"`)
    }
    json(response, entries.slice(from, from + pageSize))
  }

  #resolve(
    response: ServerResponse,
    request: IncomingMessage,
    { files }: ServedRepository,
    repo: string,
    path: string,
  ): void {
    const content = Object.hasOwn(files, path) ? files[path] : undefined
    const bytes = Buffer.from(content ?? '')
    response.setHeader('x-repo-commit', this.commitOf(repo))
    if (content === undefined) deny(response, 404, 'EntryNotFound', 'Entry not found')
    else if (inLfs(path)) {
      response.setHeader('x-linked-etag', `"${sha256(bytes)}"`)
      response.setHeader('x-linked-size', bytes.length)
      response.writeHead(302, { location: `${urlOf(this.#cdn)}/${repo}/${path}?signature=1` }).end()
    } else {
      response.setHeader('etag', `"${gitSha1(bytes)}"`)
      sendContent(response, bytes, request.headers.range)
    }
  }

  async #answerCdn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = `cdn${this.#record(request)}`
    const [, repo = '', file = ''] = /^cdn\/([^/]+\/[^/]+)\/([^?]*)/.exec(path) ?? []
    const content = Buffer.from(this.#repositories.get(repo)?.files[file] ?? '')
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (await this.#faulty(path, response, content, start)) return
    sendContent(response, content, request.headers.range)
  }
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

export const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex')
export const sha1 = (data: Uint8Array | string): string => createHash('sha1').update(data).digest('hex')

/** The id that git gives to a file. */
export const gitSha1 = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

/** A refusal with the headers the hub adds. */
export function deny(response: ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, { 'x-error-code': code, 'x-error-message': message, 'content-type': 'text/plain' })
    .end(message)
}

/** A file, or what a range header asks of it. */
export function sendContent(response: ServerResponse, content: Buffer, range?: string): void {
  const [, first] = /^bytes=(\d+)-$/.exec(range ?? '') ?? []
  if (first === undefined) {
    response.writeHead(200, { 'content-length': content.length }).end(content)
    return
  }
  const start = Number(first)
  if (start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
    return
  }
  response
    .writeHead(206, {
      'content-length': content.length - start,
      'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
    })
    .end(content.subarray(start))
}

/** Sends some bytes of what was asked for, then breaks the connection. */
export const cutAfter =
  (bytes: number): Fault =>
  (response, content, start) => {
    const rest = content.length - start
    const range = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest, ...(start > 0 ? range : {}) })
    response.write(content.subarray(start, start + bytes), () => {
      // What was written must arrive before the reset does.
      setTimeout(() => response.destroy(), 20)
    })
  }
