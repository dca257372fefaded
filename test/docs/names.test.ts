/** What the text of the pages names beside the commands it shows: commands, options, commands of the chat. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import tap from 'tap'
import { renderHelp } from '../../src/cli/help.js'
import { COMMANDS } from '../../src/cli/manual.js'
import { COMMANDS as CHAT } from '../../src/ui/commands/table.js'
import { root, textOf } from '../support/files.js'
import { codeSpansOf, pages } from './markdown.js'

// "npx openelm" in a clone is not documented: npm takes it for a package to install, and compiles all of it again.
tap.test('"npm link --ignore-scripts" makes the command of a clone', async (t) => {
  const prefix = t.testdir()
  const options = { cwd: root, encoding: 'utf8', env: { ...process.env, npm_config_prefix: prefix } } as const
  execFileSync('npm', ['link', '--ignore-scripts', '--no-audit', '--no-fund'], options)
  const said = execFileSync(join(prefix, 'bin/openelm'), ['--version'], options)
  t.equal(said.trim(), (JSON.parse(textOf('package.json')) as { version: string }).version)
})

tap.test('commands and options that the text names exist', async (t) => {
  const loaded = await Promise.all(Object.values(COMMANDS).map(({ load }) => load()))
  const help = loaded.map(({ help }) => renderHelp(help)).join('\n')
  const options = new Set(help.match(/--[a-z][a-z-]*/g))
  for (const page of pages) {
    for (const span of codeSpansOf(page)) {
      const [, command] = /^(?:npx )?openelm ([a-z]\w*)/.exec(span) ?? []
      if (command !== undefined) t.ok(command in COMMANDS, `${page}: openelm ${command}`)
      if (!/^((npx )?openelm |-)/.test(span)) continue
      for (const option of span.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []) {
        t.ok(options.has(option) || option === '--help', `${page}: ${option}`)
      }
    }
  }
})

tap.test('docs/chat.md has every command of the chat', async (t) => {
  const rows = textOf('docs/chat.md').match(/^\| `\/.*$/gm) ?? []
  const listed = rows.flatMap((row) =>
    [...(row.split(' |')[0] ?? '').matchAll(/`\/(\w+)/g)].map(([, name]) => name),
  )
  t.same([...new Set(listed)].sort(), CHAT.flatMap(({ name, aliases }) => [name, ...(aliases ?? [])]).sort())
})
