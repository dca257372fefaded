import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** The folder of XDG_CACHE_HOME; the XDG specification has relative paths ignored. */
export const xdgCache = (env: Environment): string | undefined =>
  env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : undefined

/** The folder of what openelm may lose: where XDG_CACHE_HOME or the platform's convention says. */
export function cacheFolder(
  env: Environment = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  const xdg = xdgCache(env)
  if (xdg) return join(xdg, 'openelm')
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'openelm')
  if (platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'openelm', 'Cache')
  return join(home, '.cache', 'openelm')
}
