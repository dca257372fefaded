import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * Where openelm keeps what outlives a session (history, saved chats): `$XDG_STATE_HOME/openelm` or
 * `~/.local/state/openelm`; on macOS `~/Library/Application Support/openelm`, on Windows `%LOCALAPPDATA%\openelm`.
 */
export function stateDir(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
  home: string,
): string {
  // The XDG specification has relative paths ignored.
  const xdg = env.XDG_STATE_HOME
  if (xdg && isAbsolute(xdg)) return join(xdg, 'openelm')
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'openelm')
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'openelm')
  return join(home, '.local', 'state', 'openelm')
}

/** The folder of this user's state. */
export const stateFolder = (): string => stateDir(process.env, process.platform, homedir())

/** The folder in which this user's chats are saved. */
export const chatsFolder = (): string => join(stateFolder(), 'chats')
