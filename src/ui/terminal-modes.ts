import { setTimeout as sleep } from 'node:timers/promises'

/** Pasted text comes between marks, so that newlines in it do not send it. */
export const ENTER_TERMINAL = '\x1b[?2004h'

/** The opposite, and the cursor is seen. */
export const LEAVE_TERMINAL = '\x1b[?2004l\x1b[?25h'

/** Erases the screen, not what has scrolled off it, and goes to its first row. */
export const CLEAR_SCREEN = '\x1b[2J\x1b[H'

/** Milliseconds in which a signal to stop takes effect. */
const STOPPING = 100

/** Whether there is a shell that can be gone back to. */
export const canSuspend = process.platform !== 'win32'

/**
 * Stops this process, and those it was started through, as Ctrl-Z does elsewhere. Resolves once it goes on. Where there
 * is no shell that could bring it back the system ignores the signal, and so it resolves at once.
 */
export async function suspend(): Promise<void> {
  process.kill(0, 'SIGTSTP')
  await sleep(STOPPING)
}

/** Whether the terminal breaks rows that are too long when it gets narrower. Those that do not cut them. */
export function reflows(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.TMUX) return true
  return !env.XTERM_VERSION && !env.STY && env.TERM !== 'linux'
}

const moveUp = (rows: number) => (rows > 0 ? `\x1b[${rows}A` : '')

/** Makes sure that there are `below` rows under the cursor, which stays in its row. */
export const makeRoom = (below: number): string => '\n'.repeat(below) + moveUp(below)

/**
 * Erases live rows that a terminal has broken to `width` columns, and leaves the cursor in an empty space of as many
 * rows as there were before, where it was in them.
 * @param above columns of the rows above the cursor; `column` is the cursor's, `below` counts the rows from it on
 */
export function afterReflow(above: readonly number[], column: number, below: number, width: number): string {
  const broken = above.reduce((sum, columns) => sum + Math.max(1, Math.ceil(columns / width)), 0)
  const up = broken + Math.floor(column / width)
  return `${moveUp(up)}\r\x1b[J${'\n'.repeat(above.length)}${makeRoom(below)}`
}
