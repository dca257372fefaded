import { setTimeout as sleep } from 'node:timers/promises'
import { hasTmux, Terminal } from '../ui/tmux.js'
import { type Ended, type Place, runProgram, wordsOf } from './place.js'

/**
 * Runs a chat as a reader would: agrees to a download, asks something, leaves. Without tmux the same model answers
 * `openelm run`, and the chat itself has to say that it needs a terminal.
 */
export async function runChat(place: Place, args: string): Promise<Ended> {
  if (!hasTmux) return withoutTerminal(place, wordsOf(place, args))
  const unset = { CI: undefined, CONTINUOUS_INTEGRATION: undefined, TMUX: undefined }
  const terminal = new Terminal(
    ['chat', ...wordsOf(place, args)],
    [100, 30],
    { ...unset, ...place.env },
    false,
    place.work,
  )
  try {
    if (/\[y\/N\]/.test(await terminal.until(/\[y\/N\]|Ask something|exit code/))) {
      terminal.type('y')
      terminal.press('Enter')
    }
    await terminal.until(/Ask something|exit code/)
    terminal.type('Define ocean.')
    await terminal.until(/› Define ocean\.|exit code/)
    terminal.press('Enter')
    await terminal.until(/tok\/s|exit code/)
    terminal.type('/exit')
    await sleep(50)
    terminal.press('Enter')
    const output = await terminal.until(/exit code \d+/)
    return { code: Number(/exit code (\d+)/.exec(output)?.[1]), output }
  } finally {
    terminal.close()
  }
}

async function withoutTerminal(place: Place, args: readonly string[]): Promise<Ended> {
  const named = args[0] !== undefined && !args[0].startsWith('-') ? [args[0]] : []
  if (named.length > 0) {
    const pulled = await runProgram(place, 'openelm', ['pull', ...named, '-q'])
    if (pulled.code !== 0) return pulled
  }
  const { code, output } = await runProgram(place, 'openelm', ['chat', ...args])
  return { code: code === 2 && output.includes('E_NO_TTY') ? 0 : 1, output }
}
