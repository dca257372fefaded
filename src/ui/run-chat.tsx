import { render } from 'ink'
import { ChatApp, type ChatAppProps } from './components/chat-app.js'

/** Pasted text comes between marks, so that newlines in it do not send it. */
const BRACKETED_PASTE = '\x1b[?2004h'
const RESTORED = '\x1b[?2004l\x1b[?25h'

/** Sets up the terminal; the function returned puts it back, also when the process ends unexpectedly. */
function enterTerminal(stdout: NodeJS.WriteStream): () => void {
  let entered = true
  const restore = () => {
    if (!entered) return
    entered = false
    process.off('exit', restore)
    stdout.write(RESTORED)
  }
  process.on('exit', restore)
  stdout.write(BRACKETED_PASTE)
  return restore
}

/**
 * Runs the chat on this process's terminal until the user leaves. Resolves to the exit code: 0, or 130 when it was
 * left by Ctrl-C or `signal` fired.
 */
export async function runChat(props: ChatAppProps, signal: AbortSignal): Promise<number> {
  const restore = enterTerminal(process.stdout)
  try {
    const instance = render(<ChatApp {...props} />, { exitOnCtrlC: false })
    const leave = () => instance.unmount()
    signal.addEventListener('abort', leave)
    if (signal.aborted) leave()
    const exitCode = (await instance.waitUntilExit()) as number | undefined
    signal.removeEventListener('abort', leave)
    return exitCode ?? 130
  } finally {
    restore()
  }
}
