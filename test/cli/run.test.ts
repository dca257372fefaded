import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { errorLines, openelm } from '../support/cli.js'
import { root } from '../support/files.js'
import { runs } from '../support/golden.js'
import { DEFINE_OCEAN, lexiconFile, temporaryFolder } from '../support/lexicon.js'

const OCEAN =
  'Ocean is a noun. It means "a large body of water constituting a principal part of the hydrosphere".'

tap.test('openelm run', async (t) => {
  const folder = temporaryFolder(t)
  const model = await lexiconFile(t)
  const env = { OPENELM_MODEL: model, OPENELM_THREADS: '1' }
  const run = (args: string[], stdin?: string | Uint8Array) =>
    openelm(['run', ...args], { env, ...(stdin === undefined ? {} : { stdin }) })

  t.test('the prompt comes from arguments, standard input, a file, or several', async (t) => {
    const answer = { code: 0, stdout: OCEAN, stderr: '' }
    t.same(await run([DEFINE_OCEAN]), { ...answer, signal: null })
    t.match(await run(['Define', 'ocean.']), answer)
    t.match(await run([], `${DEFINE_OCEAN}\n`), answer)
    t.match(await run(['-m', model, '--temp', '0', DEFINE_OCEAN]), answer)
    const file = join(folder, 'prompt.txt')
    writeFileSync(file, `\ufeff${DEFINE_OCEAN}\r\n`)
    t.match(await run(['-f', file]), answer)
    t.match(await run(['-f', '-'], DEFINE_OCEAN), answer)
    // Standard input first, then the file, then the arguments: seen in how many tokens each combination has.
    const both = JSON.parse((await run(['--json', '-n', '1', 'ocean.'], 'Define')).stdout)
    const lines = JSON.parse((await run(['--json', '-n', '1', 'Define\nocean.'])).stdout)
    t.equal(both.usage.prompt_tokens, lines.usage.prompt_tokens)
    t.same(both.tokens, lines.tokens)
    t.match(await run(['-f', join(folder, 'none')]), { code: 1, stderr: /E_FILE_NOT_FOUND/ })
    t.match(await run(['-f', folder]), { code: 1, stderr: /E_FILE_READ/ })
  })

  t.test('prompts that cannot be used', async (t) => {
    const cases: [string[], string | Uint8Array, number, RegExp][] = [
      [[], '', 2, /^There is no prompt/],
      [[' '], '\n', 2, /^There is no prompt/],
      [[], new Uint8Array([0x61, 0xff, 0xfe]), 1, /^The text on standard input is not valid UTF-8/],
      [[], 'ocean '.repeat(400), 1, /^The prompt has \d+ tokens; the context holds 256/],
      [['-c', '8'], DEFINE_OCEAN, 1, /^The prompt has 17 tokens; the context holds 8/],
      [['-c', '9999', 'x'], '', 2, /between 1 and 256 for nCtx, the context length, but received 9999/],
      [['--no-chat', '--system', 'Be brief.', 'x'], '', 2, /^A system message needs a chat template/],
    ]
    for (const [args, stdin, code, error] of cases) {
      const result = await run(args, stdin)
      t.match(result, { code, stdout: '' }, String(error))
      t.match(errorLines(result.stderr), { error, why: /./, next: /./, rest: [] })
    }
  })

  t.test('--json prints one object and nothing else', async (t) => {
    const { code, stdout, stderr } = await run(['--json', DEFINE_OCEAN])
    t.match({ code, stderr }, { code: 0, stderr: '' })
    t.match(stdout, /^\{[^\n]*\}\n$/)
    const report = JSON.parse(stdout)
    t.match(report, {
      model: String,
      text: OCEAN,
      finish_reason: 'eos',
      stop_string: null,
      usage: { prompt_tokens: 17, completion_tokens: 26 },
    })
    t.equal(report.tokens.length, 26)
    t.ok(report.tokens.every(Number.isInteger))
    t.same(Object.keys(report.timings), [
      'load_ms',
      'prefill_ms',
      'first_token_ms',
      'decode_ms',
      'sample_ms',
      'prefill_tokens_per_second',
      'decode_tokens_per_second',
    ])
    t.ok(Object.values(report.timings).every((value) => typeof value === 'number' && value > 0))
  })

  t.test('--stats goes to standard error', async (t) => {
    const { stdout, stderr } = await run(['--stats', DEFINE_OCEAN])
    t.equal(stdout, OCEAN)
    t.match(stderr, /^model +\S.* Q8_0, \w+, 1 threads?\n/)
    if (runs('avx512')) {
      const int8 = await run(['--stats', '--isa', 'avx512', '--activations', 'int8', DEFINE_OCEAN])
      t.equal(int8.stdout, OCEAN)
      t.match(int8.stderr, /^model +\S.* Q8_0, avx512, int8 activations, 1 thread\n/)
    }
    t.match(stderr, /\nprefill +17 tokens in .*\ndecode +26 tokens in .*\nfirst .*\nended +eos\n$/)
  })

  t.test('length, stop strings and the template', async (t) => {
    t.match(await run(['-n', '4', DEFINE_OCEAN]), { code: 0, stdout: 'Ocean is a' })
    t.match(await run(['-n', '0', DEFINE_OCEAN]), { code: 0, stdout: '' })
    t.match(await run(['--stop', 'zzz', '--stop', 'un. It', DEFINE_OCEAN]), {
      code: 0,
      stdout: 'Ocean is a no',
    })
    t.match(await run(['--stop', '', DEFINE_OCEAN]), { code: 2, stderr: /at least one character for --stop/ })
    const plain = JSON.parse((await run(['--json', '-n', '2', '--no-chat', DEFINE_OCEAN])).stdout)
    t.equal(plain.usage.prompt_tokens, 5, 'BOS and the words, no template')
    const system = JSON.parse(
      (await run(['--json', '-n', '2', '--system', 'Be brief.', DEFINE_OCEAN])).stdout,
    )
    t.ok(system.usage.prompt_tokens > 17)
  })

  t.test('the same seed gives the same text, for 1 and 2 threads', async (t) => {
    const args = ['--temp', '1.2', '-n', '16', DEFINE_OCEAN]
    const first = await run(['--seed', '5', ...args])
    t.equal(first.code, 0)
    t.equal((await run(['--seed', '5', '-t', '2', ...args])).stdout, first.stdout)
    t.not((await run(['--seed', '6', ...args])).stdout, first.stdout)
    t.equal((await run(['--temp', '0', '-t', '2', DEFINE_OCEAN])).stdout, OCEAN)
  })

  t.test('a closed pipe ends it quietly', async (t) => {
    // The reader leaves after the first bytes; what follows would go on to the end of the context.
    const result = await openelm(['run', '--ignore-eos', '--temp', '1', '--seed', '1', DEFINE_OCEAN], {
      env,
      meanwhile: (child) => child.stdout?.once('data', () => child.stdout?.destroy()),
    })
    t.match(result, { code: 0, signal: null, stderr: '' })
    const shell = spawn(
      '/bin/sh',
      ['-c', `"${process.execPath}" bin/openelm.js run "${DEFINE_OCEAN}" | head -c 5`],
      {
        cwd: root,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let [out, err] = ['', '']
    shell.stdout.on('data', (data) => {
      out += data
    })
    shell.stderr.on('data', (data) => {
      err += data
    })
    await new Promise((resolve) => shell.on('close', resolve))
    t.equal(out, 'Ocean')
    t.equal(err, '')
  })

  t.test('Ctrl-C keeps what was printed and exits with 130', async (t) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const result = await openelm(['run', '--stats', '--ignore-eos', DEFINE_OCEAN], {
        env: { ...env, OPENELM_ISA: 'reference' },
        meanwhile: (child) => child.stdout?.once('data', () => child.kill(signal)),
      })
      t.match(result, { code: 130, signal: null, stderr: /\nended +aborted\n$/ }, signal)
      t.ok(result.stdout.startsWith('O') && OCEAN.startsWith(result.stdout.slice(0, 20)), result.stdout)
    }
  })

  t.test('Ctrl-C while it waits for the prompt', async (t) => {
    const child = spawn(process.execPath, [join(root, 'bin/openelm.js'), 'run'], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (data) => {
      stderr += data
    })
    // More than a pipe holds: once it is gone, the process reads.
    child.stdin.on('error', () => {})
    child.stdin.write('ocean '.repeat(100_000), () => child.kill('SIGINT'))
    t.equal(await new Promise((resolve) => child.on('close', resolve)), 130)
    t.match(stderr, /Interrupted/)
  })
})
