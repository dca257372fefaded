import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { errorLines, openelm } from '../support/cli.js'
import { root, textOf } from '../support/files.js'

tap.test('help and version go to standard output', async (t) => {
  const manual = await openelm(['--help'])
  t.match(manual, { code: 0, stderr: '' })
  for (const args of [['-h'], ['help']]) t.match(await openelm(args), { code: 0, stdout: manual.stdout })
  const version = (JSON.parse(textOf('package.json')) as { version: string }).version
  for (const flag of ['-V', '--version']) {
    t.match(await openelm([flag]), { code: 0, stdout: `${version}\n`, stderr: '' })
  }
  const page = await openelm(['run', '--help'])
  t.match(page, { code: 0, stderr: '', stdout: /^Usage: openelm run / })
  t.equal((await openelm(['help', 'run'])).stdout, page.stdout)
})

tap.test('without a command the manual goes to standard error', async (t) => {
  const { code, stdout, stderr } = await openelm([])
  t.equal(code, 2)
  t.equal(stdout, '')
  t.match(stderr, /^openelm runs .*\n\nUsage: /)
})

tap.test('wrong usage exits with 2 and says what would be right', async (t) => {
  const cases: [string[], { error: RegExp; why?: RegExp; next: RegExp }][] = [
    [['rum'], { error: /^Unknown command "rum"/, why: /openelm run/, next: /openelm --help/ }],
    [['xyzzy'], { error: /^Unknown command "xyzzy"/, next: /openelm --help/ }],
    [['toString'], { error: /^Unknown command "toString"/, next: /openelm --help/ }],
    [['-m', 'x', 'run'], { error: /^Unknown option "-m" before a command/, next: /openelm --help/ }],
    [['run', '--sed', '1'], { error: /^Unknown option '--sed'/, why: /--seed/, next: /openelm run --help/ }],
    [['run', '-n'], { error: /argument missing/, next: /openelm run --help/ }],
    [
      ['run', '-t', '0', 'hi'],
      {
        error: /^Expected an integer between 1 and 256 for --threads but received "0"\. \(E_USAGE\)$/,
        next: /openelm run --help/,
      },
    ],
    [
      ['bench', 'extra'],
      { error: /^Too many arguments\. Expected 0 arguments but got 1\. /, next: /openelm bench --help/ },
    ],
  ]
  for (const [args, wanted] of cases) {
    const result = await openelm(args)
    t.match(result, { code: 2, stdout: '' }, args.join(' '))
    const lines = errorLines(result.stderr)
    t.match(lines, { ...wanted, rest: [] }, args.join(' '))
  }
})

tap.test('failures exit with 1, in three lines without a stack unless asked', async (t) => {
  const args = ['run', '-m', '/no/such/model.gguf', 'hi']
  const plain = await openelm(args)
  t.match(plain, { code: 1, stdout: '' })
  t.match(errorLines(plain.stderr), {
    error: 'The model "/no/such/model.gguf" does not exist. (E_FILE_NOT_FOUND)',
    why: /./,
    next: /./,
    rest: [],
  })
  const debug = await openelm(args, { env: { OPENELM_DEBUG: '1' } })
  t.equal(debug.code, 1)
  t.match(debug.stderr, /\n +at /)
})

tap.test('the environment is checked like options', async (t) => {
  const model = join(root, 'package.json')
  const threads = await openelm(['run', '-m', model, 'hi'], { env: { OPENELM_THREADS: 'x' } })
  t.match(threads, { code: 2, stderr: /for OPENELM_THREADS but received "x"/ })
  const isa = await openelm(['run', '-m', model, 'hi'], { env: { OPENELM_ISA: 'sse' } })
  t.match(isa, { code: 2, stderr: /for OPENELM_ISA but received "sse"/ })
  const path = await openelm(['run', 'hi'], { env: { OPENELM_MODEL: '/none.gguf' } })
  t.match(path, { code: 1, stderr: /"\/none\.gguf" does not exist.*\n.*OPENELM_MODEL/ })
})

tap.test('help pages are as they were read and approved', async (t) => {
  // To approve a change: node bin/openelm.js run --help > test/cli/help/run.txt
  const pages: [string, string[]][] = [
    ['openelm', ['--help']],
    ['run', ['run', '--help']],
    ['serve', ['serve', '--help']],
    ['bench', ['bench', '--help']],
  ]
  for (const [name, args] of pages) {
    const approved = readFileSync(join(root, `test/cli/help/${name}.txt`), 'utf8')
    t.equal((await openelm(args)).stdout, approved, name)
  }
})

tap.test('every command has a page that fits a terminal and is named in the manual', async (t) => {
  const manual = (await openelm(['--help'])).stdout
  const commands = [...(manual.match(/Commands:\n((?: {2}.*\n)+)/)?.[1] ?? '').matchAll(/^ {2}(\w+) /gm)]
  t.ok(commands.length >= 5)
  for (const [, name = ''] of commands) {
    const { code, stdout } = await openelm([name, '--help'])
    t.equal(code, 0, name)
    t.match(stdout, new RegExp(`^Usage: openelm ${name}`))
    t.match(stdout, /\nExamples:\n/)
    for (const line of stdout.split('\n')) t.ok(line.length <= 110, `${name}: ${line}`)
  }
})
