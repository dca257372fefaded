/**
 * Makes the pictures of the documentation from the program itself, driven in a real terminal (tmux):
 *
 *     npm run screenshots              all of them
 *     npm run screenshots -- chat      one
 *
 * Figures in them are of the machine this runs on; let it be idle for `bench`.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../../test/support/files.js'
import { Terminal } from '../../test/ui/tmux.js'
import { screenSvg } from './svg.js'

/** What a picture shows and how the program gets there. */
interface Scene {
  readonly title: string
  readonly size: readonly [columns: number, rows: number]
  /** Arguments of the command that is started. */
  readonly args: readonly string[]
  /** A shell shows what is typed into it, but not its prompt after the output; the chat shows its cursor. */
  readonly shell: boolean
  /** Drives the terminal until it shows the picture. */
  play(terminal: Terminal, home: string): Promise<void>
}

async function enter(terminal: Terminal, text: string): Promise<void> {
  terminal.type(text)
  await sleep(200)
  terminal.press('Enter')
  await sleep(200)
}

async function ask(terminal: Terminal, question: string, answer: RegExp): Promise<void> {
  await terminal.until(/Ask something/)
  await enter(terminal, question)
  await terminal.until(answer)
  await terminal.until(/tok\/s/)
  await sleep(300)
}

const scenes: Readonly<Record<string, Scene>> = {
  chat: {
    title: 'openelm chat',
    size: [92, 22],
    args: ['chat'],
    shell: false,
    async play(terminal) {
      await ask(terminal, 'Define ocean.', /hydrosphere/)
      await ask(terminal, 'What is a dog?', /many breeds/)
      await ask(terminal, 'What is the opposite of happy?', /is unhappy/)
      terminal.type('Define mountain.')
      await terminal.until(/› Define mountain\./)
    },
  },
  branches: {
    title: 'openelm chat: a question asked in two ways',
    size: [92, 28],
    args: ['chat'],
    shell: false,
    async play(terminal) {
      await ask(terminal, 'Define dog.', /Dog is/)
      await ask(terminal, '/edit 1 Define mountain.', /land mass/)
      await ask(terminal, '/variant 1', /Dog is[\s\S]*Dog is/)
      await ask(terminal, '/turns', /variant 1 of 2/)
    },
  },
  bench: {
    title: 'openelm bench',
    size: [164, 12],
    args: ['--version'],
    shell: true,
    async play(terminal, home) {
      mkdirSync(join(home, 'bin'))
      symlinkSync(join(root, 'bin/openelm.js'), join(home, 'bin/openelm'))
      await terminal.until(/^(\$ )?\d+\.\d+\.\d+$/m)
      await enter(terminal, `PATH=${join(home, 'bin')}:$PATH; clear`)
      await enter(terminal, 'openelm bench --synthetic 270M --type q8_0,q4_0')
      await terminal.until(/(tg128.*\n[\s\S]*){2}\$$/, 600_000)
    },
  },
}

async function make(name: string, { title, size, args, shell, play }: Scene): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'openelm-screenshot-'))
  const env = {
    ...{ CI: undefined, CONTINUOUS_INTEGRATION: undefined, OPENELM_MODEL: undefined, NO_COLOR: undefined },
    XDG_STATE_HOME: home,
    OPENELM_THEME: 'dark',
  }
  const terminal = new Terminal(args, size, env, shell)
  try {
    await play(terminal, home)
    const [column = 0, row = 0] = terminal.cursor.split(/[ ,]/).map(Number)
    const screen = terminal.styledScreen
    const capture = shell ? screen.trimEnd().replace(/\n\$$/, '') : screen
    const cursor = shell ? {} : { cursor: [column, row] as const }
    const svg = screenSvg(capture, { title, columns: size[0], ...cursor })
    writeFileSync(join(root, 'docs/images', `${name}.svg`), svg)
    console.log(`docs/images/${name}.svg: ${svg.length} bytes`)
  } finally {
    terminal.close()
    rmSync(home, { recursive: true, force: true })
  }
}

const wanted = process.argv.slice(2)
for (const [name, scene] of Object.entries(scenes)) {
  if (wanted.length === 0 || wanted.includes(name)) await make(name, scene)
}
