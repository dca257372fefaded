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
