/**
 * Every command and program of docs/*.md is run as a reader would run it, in order, in one folder a page; readme.test.ts
 * does so with README.md. How a page says what is what, by the word after a fence:
 *
 * - `sh`, or an indented block: commands, which have to succeed
 * - `console`: commands after "$ ", and what they print, where … stands for anything; a command below which stands
 *   "error: " has to fail
 * - `ts`, `js`: a program; a `text` block right after it is what it prints
 * - a language and a name, such as `jsonl questions.jsonl`: a file of that name, for the commands below
 * - any other language: shown only
 *
 * Files that readers are expected to have are made by fixtures.ts; policy.ts lists what is not run, with reasons.
 */
import tap from 'tap'
import { textOf } from '../support/files.js'
import { blocksOf, PROGRAM, pages, SHELL } from './markdown.js'
import { NOT_RUN } from './policy.js'
import { runPage } from './run-page.js'
import { commandsOf } from './shell.js'

const commands = pages
  .flatMap(blocksOf)
  .flatMap((block) => (SHELL.includes(block.lang) ? commandsOf(block) : []))

for (const page of pages) if (page !== 'README.md') tap.test(page, (t) => runPage(t, page))

tap.test('no command hides in a block that is not run', async (t) => {
  for (const { page, lang, text } of pages.flatMap(blocksOf)) {
    t.not(lang, '', `${page}: a language is named for: ${text.split('\n')[0]}`)
    if ([...SHELL, ...PROGRAM].includes(lang)) continue
    t.notMatch(text, /^(\$ |openelm |npx |npm |node )/m, `${page}: a block of ${lang}`)
  }
})

tap.test('what is not run is there', async (t) => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  for (const { line } of commands) {
    for (const [, name = ''] of line.matchAll(/\bnpm run ([\w:]+)/g)) t.ok(name in scripts, `npm run ${name}`)
  }
  for (const { command, why } of NOT_RUN) {
    t.ok(
      commands.some(({ line }) => command.test(line)),
      `some page has what is excepted because it ${why}`,
    )
  }
})
