import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Connection } from '../../src/hub/http.js'
import { planPull, pull } from '../../src/hub/pull.js'
import { type ModelReference, parseReference } from '../../src/hub/reference.js'
import { type HubSettings, hubSettings } from '../../src/hub/settings.js'
import type { StoredModel } from '../../src/hub/store.js'
import { goldenPath } from '../support/golden.js'
import { HubServer, type ServedRepository } from '../support/hub-server.js'
import { temporaryFolder } from '../support/lexicon.js'
import { writeCheckpoint } from '../support/tiny-checkpoint.js'
import { tinyConfig, tinyGguf } from '../support/tiny-model.js'

/** Bytes of which no part equals another, so that one in the wrong place shows. */
export function patternBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    bytes[i] = x >>> 24
  }
  return bytes
}

export const licenseText = 'You may use this model\tto test openelm.\n'

/** Files of a checkpoint as Apple publishes them: a licence, no tokenizer. The shape is tiny, the vocabulary Llama 2's. */
export function appleFiles(folder: string, shards = 1): Record<string, Buffer> {
  const checkpoint = join(folder, `checkpoint-${shards}`)
  const config = { ...tinyConfig, vocabSize: 32000 }
  writeCheckpoint(checkpoint, config, { dtype: 'BF16', shards, value: (_, i) => ((i * 7919) % 251) / 251 })
  const files = Object.fromEntries(
    readdirSync(checkpoint).map((name) => [name, readFileSync(join(checkpoint, name))]),
  )
  return {
    LICENSE: Buffer.from(licenseText),
    'README.md': Buffer.from('---\nlicense: other\nlicense_name: test-licence\n---\n'),
    'modeling_openelm.py': Buffer.from('raise SystemExit\n'),
    ...files,
  }
}

export const appleCard = { license: 'other', license_name: 'test-licence' }

export const ggufRepository: ServedRepository = {
  files: { 'README.md': 'GGUF files', 'tiny.gguf': tinyGguf().bytes, 'more/other.gguf': tinyGguf().bytes },
  card: { license: 'mit' },
}

/** A hub, and an empty home for what comes from it. */
export interface Place {
  readonly hub: HubServer
  readonly folder: string
  /** Variables for a process of the command line. */
  readonly env: Readonly<Record<string, string>>
  readonly settings: HubSettings
  /** What a pull within this process needs; notices are kept. */
  readonly connection: Connection & { readonly notices: string[] }
}

export async function place(t: Test, more: Readonly<Record<string, string>> = {}): Promise<Place> {
  const hub = await HubServer.start(t)
  const folder = temporaryFolder(t)
  const home = join(folder, 'home')
  mkdirSync(home)
  const env = {
    HOME: home,
    XDG_CACHE_HOME: join(folder, 'cache'),
    HF_HOME: join(folder, 'hf'),
    HF_ENDPOINT: hub.url,
    HF_TOKEN: '',
    OPENELM_THREADS: '1',
    ...more,
  }
  const settings = hubSettings(env, 'linux', home)
  const notices: string[] = []
  const connection = {
    settings,
    notices,
    firstWaitMs: 1,
    onNotice: (text: string) => void notices.push(text),
  }
  return { hub, folder, env, settings, connection }
}

/** The small trained checkpoint, with a licence. */
export function lexiconFiles(): Record<string, Buffer> {
  const names = ['README.md', 'config.json', 'generation_config.json', 'model.safetensors']
  const tokenizer = ['tokenizer.model', 'tokenizer_config.json']
  const files = [...names, ...tokenizer].map((name) => [name, readFileSync(goldenPath(`lexicon/${name}`))])
  return { ...Object.fromEntries(files), LICENSE: Buffer.from(licenseText) }
}

export const apple = 'apple/OpenELM-270M-Instruct'

/** Reads a name that is one. */
export function reference(text: string): ModelReference {
  const parsed = parseReference(text)
  if (!parsed) throw new Error(`${text} is no name`)
  return parsed
}

export async function pullNow({ connection }: Place, text: string): Promise<StoredModel> {
  return pull(await planPull(reference(text), connection), connection)
}

/** The files that were asked for, in order. */
export const contentRequests = ({ hub }: Place): string[] =>
  hub.requests.map(({ path }) => path).filter((path) => path.includes('/resolve/'))
