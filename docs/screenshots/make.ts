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

/** A scene: a title, columns and rows, and what is done in the terminal. */
interface Scene {
  readonly title: string
  readonly size: readonly [columns: number, rows: number]
  readonly cursor: boolean
  /** Opens a terminal and drives it to what is shown. */
  play(home: string, size: readonly [number, number]): Promise<Terminal>
}

const unset = {
  CI: undefined,
  CONTINUOUS_INTEGRATION: undefined,
  OPENELM_MODEL: undefined,
  NO_COLOR: undefined,
}

async function enter(terminal: Terminal, text: string): Promise<void> {
  terminal.type(text)
  await sleep(200)
  terminal.press('Enter')
  await sleep(200)
}

async function openChat(home: string, size: readonly [number, number]): Promise<Terminal> {
  const env = { ...unset, XDG_STATE_HOME: home, OPENELM_THEME: 'dark' }
  const terminal = new Terminal(['chat'], size, env)
  await terminal.until(/Ask something/)
  return terminal
}

async function ask(terminal: Terminal, question: string, answer: RegExp): Promise<void> {
  await enter(terminal, question)
  await terminal.until(answer)
  await terminal.until(/tok\/s/)
  await sleep(300)
}

const scenes: Readonly<Record<string, Scene>> = {
  chat: {
    title: 'openelm chat',
    size: [92, 22],
    cursor: true,
    async play(home, size) {
      const terminal = await openChat(home, size)
      await ask(terminal, 'Define ocean.', /hydrosphere/)
      await ask(terminal, 'What is a dog?', /many breeds/)
      await ask(terminal, 'What is the opposite of happy?', /is (un|s)/)
      terminal.type('Define mountain.')
      await terminal.until(/› Define mountain\./)
      return terminal
    },
  },
  branches: {
    title: 'openelm chat: a question asked in two ways',
    size: [92, 28],
    cursor: true,
    async play(home, size) {
      const terminal = await openChat(home, size)
      await ask(terminal, 'Define dog.', /Dog is/)
      await ask(terminal, '/edit 1 Define mountain.', /land mass/)
      await ask(terminal, '/variant 1', /Dog is[\s\S]*Dog is/)
      await ask(terminal, '/turns', /variant 1 of 2/)
      return terminal
    },
  },
  bench: {
    title: 'openelm bench',
    size: [160, 12],
    cursor: false,
    async play(home, size) {
      const bin = join(home, 'bin')
      mkdirSync(bin)
      symlinkSync(join(root, 'bin/openelm.js'), join(bin, 'openelm'))
      const terminal = new Terminal(['--version'], size, unset, true)
      await terminal.until(/^(\$ )?\d+\.\d+\.\d+$/m)
      await enter(terminal, `PATH=${bin}:$PATH; clear`)
      await enter(terminal, 'openelm bench --synthetic 270M --type q8_0,q4_0')
      await terminal.until(/(tg128.*\n[\s\S]*){2}\$ *$/)
      return terminal
    },
  },
}

async function make(name: string, { title, size, cursor, play }: Scene): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'openelm-screenshot-'))
  let terminal: Terminal | undefined
  try {
    terminal = await play(home, size)
    const [column = 0, row = 0] = terminal.cursor.split(/[ ,]/).map(Number)
    // A shell's prompt after the last output says nothing.
    const capture = cursor ? terminal.styledScreen : terminal.styledScreen.trimEnd().replace(/\n\$$/, '')
    const svg = screenSvg(capture, {
      title,
      columns: size[0],
      ...(cursor ? { cursor: [column, row] as const } : {}),
    })
    const file = join(root, 'docs/images', `${name}.svg`)
    writeFileSync(file, svg)
    console.log(`docs/images/${name}.svg: ${svg.length} bytes`)
  } finally {
    terminal?.close()
    rmSync(home, { recursive: true, force: true })
  }
}

const wanted = process.argv.slice(2)
for (const [name, scene] of Object.entries(scenes)) {
  if (wanted.length === 0 || wanted.includes(name)) await make(name, scene)
}
