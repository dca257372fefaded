/** The scripts of `openelm completion`, in the shells they are for, and the man page, against the help pages. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tap from 'tap'
import { openelm } from '../support/cli.js'
import { textOf } from '../support/files.js'

const without = (shell: string) =>
  spawnSync(shell, ['--version']).status === 0 ? false : `${shell} is not installed`

const folder = mkdtempSync(join(tmpdir(), 'openelm-completion-'))
tap.teardown(() => rmSync(folder, { recursive: true, force: true }))
for (const name of ['270m own.gguf', 'prompt.txt']) writeFileSync(join(folder, name), '')

/** Writes the script and returns its path. */
async function scriptOf(shell: string): Promise<string> {
  const { code, stdout, stderr } = await openelm(['completion', shell])
  if (code !== 0) throw new Error(stderr)
  const path = join(folder, `script.${shell}`)
  writeFileSync(path, stdout)
  return path
}

const run = (shell: string, args: readonly string[]) =>
  execFileSync(shell, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

/** Names of the commands and, by command, the flags at the start of the lines of its help page. */
async function fromHelp(): Promise<Map<string, string[]>> {
  const { stdout } = await openelm(['--help'])
  const [, lines = ''] = stdout.match(/Commands:\n((?: {2}.*\n)+)/) ?? []
  const names = [...lines.matchAll(/^ {2}(\w+) /gm)].map(([, name = '']) => name)
  const pages = await Promise.all(names.map((name) => openelm([name, '--help'])))
  return new Map(
    names.map((name, index) => {
      const rows = (pages[index]?.stdout ?? '').matchAll(/^ {2}( {4})?(-[a-zA-Z], )?(--[a-z-]+)/gm)
      return [
        name,
        [...rows].flatMap(([, , short, long = '']) => (short ? [short.slice(0, 2), long] : [long])),
      ]
    }),
  )
}

/** What bash would offer for each list of words, the last of which is being typed. */
async function bash(lines: readonly (readonly string[])[]): Promise<string[][]> {
  const quote = (word: string) => `'${word}'`
  const calls = lines.map(
    (words) =>
      `COMP_WORDS=(${['openelm', ...words].map(quote).join(' ')}); COMP_CWORD=${words.length}; _openelm; ` +
      `(IFS='|'; echo "\${COMPREPLY[*]}")`,
  )
  const output = run('bash', ['--norc', '-c', `source '${await scriptOf('bash')}'\n${calls.join('\n')}`])
  return output
    .trimEnd()
    .split('\n')
    .map((line) => line.split('|').filter(Boolean))
}

const models = [
  '270m',
  '270m-instruct',
  '450m',
  '450m-instruct',
  '1.1b',
  '1.1b-instruct',
  '3b',
  '3b-instruct',
]
const isas = ['reference', 'avx2', 'avx512', 'amx', 'neon']

/** What is typed and what is offered, in any shell. */
const cases: [string[], string[]][] = [
  [['ch'], ['chat']],
  [['help', 'in'], ['inspect']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['run', '--isa', ''], isas],
  [
    ['run', '--isa', 'avx'],
    ['avx2', 'avx512'],
  ],
  [
    ['chat', '--kv-type', ''],
    ['f32', 'f16', 'q8_0'],
  ],
  [
    ['chat', '--theme', ''],
    ['dark', 'light', 'none'],
  ],
  [
    ['convert', '--type', 'q'],
    ['q4_0', 'q8_0'],
  ],
  [
    ['bench', '-o', 'json'],
    ['json', 'jsonl'],
  ],
  [
    ['bench', '--synthetic', ''],
    ['270M', '450M', '1.1B', '3B'],
  ],
  [['bench', '--isa', 'avx2,ne'], ['avx2,neon']],
  [['pull', ''], models],
  [
    ['show', '450'],
    ['450m', '450m-instruct'],
  ],
  [
    ['chat', '1.'],
    ['1.1b', '1.1b-instruct'],
  ],
  [
    ['chat', '270m'],
    ['270m', '270m-instruct', '270m own.gguf'],
  ],
  [
    ['run', '-m', '270m'],
    ['270m', '270m-instruct', '270m own.gguf'],
  ],
  [['run', '--model', 'pro'], ['prompt.txt']],
  [['run', '-f', 'pro'], ['prompt.txt']],
  [['run', '-n', ''], []],
  [['run', 'pro'], []],
  [['rm', '3b', '--d'], ['--downloads']],
]

tap.test('bash offers commands, options, values, names of models and files', async (t) => {
  const offered = await bash(cases.map(([words]) => words))
  for (const [index, [words, wanted]] of cases.entries()) {
    t.same(offered[index]?.sort(), wanted.toSorted(), words.join(' '))
  }
  // bash splits these words at = and at colons.
  const [joined, empty, colon] = await bash([
    ['run', '--isa', '=', 'av'],
    ['run', '--isa', '='],
    ['pull', '270m', ':', ''],
  ])
  t.same(joined, ['avx2', 'avx512'])
  t.same(empty, isas)
  t.same(colon ?? [], [])
})

tap.test('bash offers every option of every command', async (t) => {
  const flags = await fromHelp()
  t.ok(flags.size > 10, `${flags.size} commands`)
  const names = [...flags.keys()]
  const [commands, ...options] = await bash([[''], ...names.map((name) => [name, '-'])])
  t.same(commands, [...names, 'help'])
  for (const [index, name] of names.entries()) {
    const extra = name === 'bench' ? ['-ngl', '-pg'] : ['chat', 'run', 'serve'].includes(name) ? ['-ngl'] : []
    t.same(options[index]?.sort(), [...(flags.get(name) ?? []), ...extra, '-h', '--help'].sort(), name)
  }
})

tap.test('fish offers the same', { skip: without('fish') }, async (t) => {
  const script = await scriptOf('fish')
  const complete = (words: readonly string[]) =>
    run('fish', ['--no-config', '-c', `source '${script}'; complete -C 'openelm ${words.join(' ')}'`])
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('\t')[0]?.replaceAll('\\', '') ?? '')
  for (const [words, wanted] of cases) t.same(complete(words).sort(), wanted.toSorted(), words.join(' '))
  for (const [name, flags] of await fromHelp()) {
    const offered = [...complete([name, '-']), ...complete([name, '--'])]
    for (const flag of flags) t.ok(offered.includes(flag), `${name} ${flag}`)
  }
})

tap.test('zsh understands its script, which has every option', { skip: without('zsh') }, async (t) => {
  const path = await scriptOf('zsh')
  run('zsh', ['-f', '-n', path])
  t.equal(run('zsh', ['-f', '-c', `compdef() { print "$@"; }; source '${path}'`]).trim(), '_openelm openelm')
  // What _arguments and the others are called with, as zsh splits it.
  const words = (name: string) =>
    run('zsh', [
      '-f',
      '-c',
      `compdef() { }; _arguments() { print -rl -- "$@"; }; source '${path}'; words=(openelm ${name} ''); CURRENT=3; _openelm`,
    ]).split('\n')
  for (const [name, flags] of await fromHelp()) {
    const specs = words(name).map((spec) => spec.replace(/^(\*|\([^)]*\))/, ''))
    for (const flag of flags) {
      t.ok(
        specs.some((spec) => spec.startsWith(`${flag}[`) || spec.startsWith(`${flag}=[`)),
        `${name} ${flag}`,
      )
    }
  }
  const specsOfRun = words('run')
  t.ok(specsOfRun.some((spec) => /--isa=\[.*\]:name:\(reference avx2 avx512 amx neon\)$/.test(spec)))
  t.ok(specsOfRun.some((spec) => /--model=\[.*\]:model: _openelm_or_file 270m 270m-instruct /.test(spec)))
  t.ok(specsOfRun.some((spec) => /--file=\[.*\]:path:_files$/.test(spec)))
})

tap.test('other shells are refused', async (t) => {
  const { code, stdout, stderr } = await openelm(['completion', 'tcsh'])
  t.equal(code, 2)
  t.equal(stdout, '')
  t.match(stderr, /'tcsh' is invalid.*bash, zsh, fish/)
})

/** The man page as text, by the rules of roff that it uses. */
const manText = () =>
  textOf('dist/man/openelm.1')
    .replaceAll('\\-', '-')
    .replace(/\\f[BR]/g, '')

tap.test('the man page has every command and option', async (t) => {
  const [head = '', ...sections] = manText().split(/^\.SS openelm /m)
  for (const part of ['NAME', 'SYNOPSIS', 'COMMANDS', 'ENVIRONMENT', 'EXIT STATUS']) {
    t.ok(head.includes(`\n.SH ${part}\n`), part)
  }
  const flags = await fromHelp()
  t.same(
    sections.map((section) => section.split('\n')[0]),
    [...flags.keys()],
  )
  for (const section of sections) {
    const name = section.split('\n')[0] ?? ''
    const entries = [...section.matchAll(/^\.TP\n(.*)$/gm)].map(([, entry = '']) => entry)
    t.same(
      entries.flatMap((entry) => entry.match(/(?<=^|, )--?[a-zA-Z-]+/g) ?? []),
      flags.get(name),
      name,
    )
  }
})

tap.test('groff reads the man page without a warning', { skip: without('groff') }, async (t) => {
  const { status, stderr } = spawnSync('groff', ['-man', '-Kutf8', '-ww', '-z'], {
    input: textOf('dist/man/openelm.1'),
    encoding: 'utf8',
  })
  t.equal(status, 0)
  t.equal(stderr, '')
})
