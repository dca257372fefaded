import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { cacheFolder, xdgCache } from '../cache-folder.js'
import { OpenElmError } from '../errors.js'

type Environment = Readonly<Record<string, string | undefined>>

/** Where the hub is, who asks, and where things are kept. */
export interface HubSettings {
  /** Origin and path prefix of the hub, without a slash at the end. */
  readonly endpoint: string
  readonly token: string | undefined
  /** The cache that tools for the Hugging Face Hub share. */
  readonly cacheDir: string
  /** Converted models and records of what was pulled. */
  readonly modelsDir: string
  /** No request may be made. */
  readonly offline: boolean
  /** A request without a byte for this long has failed. */
  readonly timeoutMs: number
}

/**
 * Settings from the variables that huggingface_hub documents: HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE,
 * HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT; and XDG_CACHE_HOME or the platform's convention for openelm's own models.
 * @throws OpenElmError E_USAGE naming a variable that makes no sense
 */
export function hubSettings(
  env: Environment = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): HubSettings {
  const hfHome = folder(env.HF_HOME, home) ?? join(xdgCache(env) ?? join(home, '.cache'), 'huggingface')
  return {
    endpoint: endpointOf(env.HF_ENDPOINT || 'https://huggingface.co'),
    token: tokenOf(env, hfHome, home),
    cacheDir: folder(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE, home) ?? join(hfHome, 'hub'),
    modelsDir: join(cacheFolder(env, platform, home), 'models'),
    offline: /^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE ?? ''),
    timeoutMs: 1000 * secondsOf(env.HF_HUB_DOWNLOAD_TIMEOUT || '30'),
  }
}

/** A folder from a variable: `~` is the home folder; undefined when it is not set. */
function folder(text: string | undefined, home: string): string | undefined {
  if (!text) return undefined
  return resolve(text.replace(/^~(?=$|[/\\])/, () => home))
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username) {
    return url.href.replace(/\/+$/, '')
  }
  throw new OpenElmError('E_USAGE', `HF_ENDPOINT is "${text}".`, {
    why: 'It is no http or https address.',
    next: 'Unset it, or give one such as https://hub.example.org.',
  })
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 86400) return seconds
  throw new OpenElmError('E_USAGE', `HF_HUB_DOWNLOAD_TIMEOUT is "${text}".`, {
    why: 'It is no number of seconds between 0 and 86400.',
    next: 'Unset it, or give one such as 30.',
  })
}

/** The token of HF_TOKEN, else the one that `hf auth login` saved. */
function tokenOf(env: Environment, hfHome: string, home: string): string | undefined {
  const given = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN)?.trim()
  const token = given || savedToken(folder(env.HF_TOKEN_PATH, home) ?? join(hfHome, 'token'))
  if (!token || /^[\x21-\x7e]+$/.test(token)) return token || undefined
  throw new OpenElmError('E_USAGE', 'The access token for the hub is malformed.', {
    why: 'It has characters that no token has.',
    next: 'Check HF_TOKEN, or log in again with "hf auth login".',
  })
}

function savedToken(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    // Not logged in, which most models do not need.
    return undefined
  }
}
