import { execFileSync, spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../support/files.js'

/** Whether a real terminal can be driven here. */
export const hasTmux = spawnSync('tmux', ['-V']).status === 0

/** How long something may take to appear. Machines that run tests are slow at times. */
const PATIENCE = 60_000

/** A terminal of its own, with the command line running in it. */
export class Terminal {
  readonly #socket: string

  /**
   * @param size columns and rows
   * @param env variables set for the command, undefined ones are unset
   * @param interactive the command is typed into a shell with job control
   * @param folder where it runs
   */
  constructor(
    args: readonly string[],
    size: readonly [number, number],
    env: Readonly<Record<string, string | undefined>>,
    interactive = false,
    folder = root,
  ) {
    this.#socket = `openelm-test-${process.pid}-${Math.random().toString(36).slice(2)}`
    const assignments = Object.entries(env).flatMap(([name, value]) =>
      value === undefined ? ['-u', name] : [`${name}=${value}`],
    )
    const command = ['env', ...assignments, process.execPath, `${root}bin/openelm.js`, ...args]
      .map(quote)
      .join(' ')
    const session = [
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-x',
      `${size[0]}`,
      '-y',
      `${size[1]}`,
      '-c',
      folder,
    ]
    if (interactive) {
      const shell = ['env', "PS1='$ '", 'sh', '-i'].join(' ')
      this.#tmux(...session, shell)
      this.type(command)
      this.press('Enter')
      return
    }
    const script = `${command}; echo "exit code $?"; stty -a | grep -o -- '-\\?icanon'; sleep 1000`
    this.#tmux(...session, script)
  }

  /** The text on the screen and what has scrolled off it. */
  get screen(): string {
    return this.#tmux('capture-pane', '-p', '-S', '-').trimEnd()
  }

  /** The screen with the sequences that colour it. */
  get styledScreen(): string {
    return this.#tmux('capture-pane', '-e', '-p')
  }

  /** Column and row of the cursor, and whether it is shown. */
  get cursor(): string {
    return this.#tmux('display-message', '-p', '#{cursor_x},#{cursor_y} #{?cursor_flag,shown,hidden}').trim()
  }

  /** Types text, literally. */
  type(text: string): void {
    this.#tmux('send-keys', '-l', text)
  }

  /** Presses keys by tmux's names, such as `Enter`, `C-c`, `M-Enter`. */
  press(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys)
  }

  /** Pastes as a terminal does: between marks where the program asked for them. */
  paste(text: string): void {
    this.#tmux('set-buffer', text)
    this.#tmux('paste-buffer', '-p')
  }

  /** Copies everything the command writes from now on to a file, as it is. */
  record(path: string): void {
    this.#tmux('pipe-pane', `cat > ${quote(path)}`)
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', `${columns}`, '-y', `${rows}`)
  }

  /** Sends a signal to the command. */
  signal(signal: NodeJS.Signals): void {
    const shell = this.#tmux('display-message', '-p', '#{pane_pid}').trim()
    const [child] = execFileSync('pgrep', ['-P', shell], { encoding: 'utf8' }).trim().split('\n')
    process.kill(Number(child), signal)
  }

  /** Waits until the screen matches; fails with what is there instead. */
  async until(what: RegExp, patience = PATIENCE): Promise<string> {
    const end = Date.now() + patience
    for (;;) {
      const { screen } = this
      if (what.test(screen)) return screen
      if (Date.now() > end) throw new Error(`Waited for ${what} but the screen shows:\n${screen}`)
      await sleep(50)
    }
  }

  close(): void {
    this.#tmux('kill-server')
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...args], { encoding: 'utf8' })
  }
}

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`
