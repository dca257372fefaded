import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { transform } from 'esbuild'
import type { Test } from 'tap'
import { runChat } from './chat.js'
import { FIXTURES } from './fixtures.js'
import { type Block, blocksOf, PROGRAM, SHELL } from './markdown.js'
import { type Ended, makePlace, type Place, runProgram, runShell, Server } from './place.js'
import { notRun, shortened, TOOLS } from './policy.js'
import { type Command, commandsOf, matchesShown } from './shell.js'

const missing = TOOLS.filter((tool) => spawnSync(tool, ['--version']).status !== 0)

/** The address that pages give for a server; the test's is another. */
const DOCUMENTED = '127.0.0.1:8080'

/** Runs all blocks of a page in order, in one working folder, as a reader who follows it would. */
export async function runPage(t: Test, page: string): Promise<void> {
  const blocks = blocksOf(page)
  const place = await makePlace(t)
  await makeFixtures(place, blocks)
  const run = new PageRun(t, place)
  try {
    for (const block of blocks) {
      if (block.file) writeFileSync(join(place.work, block.file), `${block.text}\n`)
      if (SHELL.includes(block.lang)) await run.shell(block)
      else if (PROGRAM.includes(block.lang)) await run.program(block)
    }
  } finally {
    await run.end()
  }
}

/** Makes the files that commands of a page name, unless a command or a block makes them. */
async function makeFixtures(place: Place, blocks: readonly Block[]): Promise<void> {
  const executed = blocks.filter(({ lang }) => [...SHELL, ...PROGRAM].includes(lang))
  const text = executed.map((block) => block.text).join('\n')
  for (const [name, make] of Object.entries(FIXTURES)) {
    const written = text.includes(`-o ${name}`) || blocks.some(({ file }) => file === name)
    if (text.includes(name) && !written) await make(place.work, name)
  }
}

class PageRun {
  readonly #t: Test
  readonly #place: Place
  #server: Server | undefined
  #examples = 0

  constructor(t: Test, place: Place) {
    this.#t = t
    this.#place = place
  }

  async shell(block: Block): Promise<void> {
    let before = ''
    for (const command of commandsOf(block)) {
      if (/^(cd|export) /.test(command.line)) before += `${command.line} && `
      else await this.#command(command, before)
    }
  }

  async #command({ line, shown }: Command, before: string): Promise<void> {
    const t = this.#t
    if (notRun(line)) return
    const tool = missing.find((name) => new RegExp(`(^|[|&;(]\\s*)${name}\\b`).test(line))
    if (tool) return void t.pass(line, { skip: `${tool} is not installed` })
    const [, chat] = /^(?:npx )?openelm chat\b(.*)$/.exec(line) ?? []
    const todo = before + this.#local(shortened(line))
    if (/\bopenelm serve\b(?!.*--help)/.test(line)) return await this.#serve(todo, line)
    const ended = chat === undefined ? await runShell(this.#place, todo) : await runChat(this.#place, chat)
    this.#check(line, ended, /^error: /m.test(shown ?? ''))
    if (shown !== undefined && shown !== '') this.#compare(line, ended, shown)
  }

  /** A program, run by Node.js after its types are taken off. */
  async program({ lang, text, prints }: Block): Promise<void> {
    const name = `example-${++this.#examples}.mjs`
    const { code } = await transform(this.#local(text), {
      loader: lang === 'ts' ? 'ts' : 'js',
      target: 'node20',
    })
    writeFileSync(join(this.#place.work, name), code)
    const ended = await runProgram(this.#place, process.execPath, [name])
    const title = `program ${this.#examples}, ${text.split('\n').find((line) => !/^(import .*)?$/.test(line))}`
    this.#check(title, ended, false)
    if (prints !== undefined) this.#compare(title, ended, prints)
  }

  async #serve(todo: string, line: string): Promise<void> {
    await this.end()
    this.#server = await Server.start(this.#place, todo.replace(/^npx /, ''))
    this.#t.pass(`${line}: listens`)
  }

  /** Stops the server of the page, if one runs. */
  async end(): Promise<void> {
    if (!this.#server) return
    this.#t.equal(await this.#server.stop(), 0, 'the server stops when it is asked to')
    this.#server = undefined
  }

  #check(title: string, { code, output }: Ended, fails: boolean): void {
    const right = fails ? code !== 0 : code === 0
    this.#t.ok(right, `${title}: ${fails ? 'fails as shown' : 'succeeds'}`, { code, output })
  }

  #compare(title: string, ended: Ended, shown: string): void {
    const output = this.#public(ended.output).trimEnd()
    this.#t.equal(matchesShown(shown, output) ? shown : output, shown, `${title}: prints what the page shows`)
  }

  /** With what differs here from a reader's machine. */
  #local(text: string): string {
    return this.#server ? text.replaceAll(DOCUMENTED, this.#server.address) : text
  }

  /** With what a reader would see. */
  #public(output: string): string {
    const { home, env } = this.#place
    const text = output.replaceAll(env.HF_ENDPOINT ?? '', 'https://huggingface.co').replaceAll(home, '~')
    return this.#server ? text.replaceAll(this.#server.address, DOCUMENTED) : text
  }
}
