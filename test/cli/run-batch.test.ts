/** `openelm run --batch`: order, errors of single lines, pipes, and what is left when the process is killed. */
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { errorLines, openelm } from '../support/cli.js'
import { root } from '../support/files.js'
import { goldenJson } from '../support/golden.js'
import { DEFINE_OCEAN, lexiconFile, temporaryFolder } from '../support/lexicon.js'

interface Answer {
  readonly id: unknown
  readonly text?: string
  readonly finish_reason?: string
  readonly error?: { readonly code: string; readonly message: string }
}

const OCEAN =
  'Ocean is a noun. It means "a large body of water constituting a principal part of the hydrosphere".'
const { greedy } = goldenJson<{ greedy: { user: string; text: string }[] }>('lexicon/golden/golden.json')

const jsonl = (items: readonly unknown[]) => items.map((item) => `${JSON.stringify(item)}\n`).join('')
const parse = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Answer)

tap.test('openelm run --batch', async (t) => {
  const folder = temporaryFolder(t)
  const model = await lexiconFile(t)
  const env = { OPENELM_MODEL: model, OPENELM_THREADS: '1' }
  let files = 0
  const write = (items: readonly unknown[] | string): string => {
    const path = join(folder, `in-${++files}.jsonl`)
    writeFileSync(path, typeof items === 'string' ? items : jsonl(items))
    return path
  }
  const batch = (input: string, output: string | undefined, args: string[] = [], stdin?: string) =>
    openelm(['run', '--batch', input, ...(output === undefined ? [] : ['-o', output]), ...args], {
      env,
      ...(stdin === undefined ? {} : { stdin }),
    })

  t.test('answers in the order of the lines, with their ids', async (t) => {
    const lines = greedy.map(({ user }, i) => ({
      ...(i % 2 === 0 ? { id: `q${i}` } : {}),
      prompt: user,
      repeat_penalty: 1,
      temperature: 0,
    }))
    const output = join(folder, 'ordered.jsonl')
    const result = await batch(write(lines), output, ['--slots', '3', '--stats'])
    t.match(result, { code: 0, stdout: '' })
    t.match(result.stderr, new RegExp(`^lines +${greedy.length} answered, 0 before, 0 with errors\n`))
    const answers = parse(readFileSync(output, 'utf8'))
    t.equal(answers.length, lines.length)
    for (const [i, answer] of answers.entries()) {
      t.equal(answer.id, i % 2 === 0 ? `q${i}` : i + 1)
      if (answer.finish_reason === 'eos') t.equal(answer.text, greedy[i]?.text)
    }
    t.same(Object.keys(answers[0] ?? {}), ['id', 'text', 'finish_reason', 'stop_string', 'usage', 'timings'])
  })

  t.test('what a line says goes before the options', async (t) => {
    const input = write([
      { prompt: DEFINE_OCEAN },
      { prompt: DEFINE_OCEAN, max_tokens: 4 },
      { prompt: DEFINE_OCEAN, stop: 'noun' },
      { messages: [{ role: 'user', content: DEFINE_OCEAN }], stop: ['zzz', ' a'] },
      { prompt: DEFINE_OCEAN, system: 'Be brief.', max_tokens: 1 },
      { prompt: DEFINE_OCEAN, temperature: 1.2, seed: 5, max_tokens: 9 },
    ])
    const { code, stdout } = await batch(input, undefined, ['-n', '6'])
    t.equal(code, 0)
    const answers = parse(stdout)
    t.match(answers[0], { text: 'Ocean is a noun.', finish_reason: 'length' })
    t.match(answers[1], { text: 'Ocean is a', finish_reason: 'length' })
    t.match(answers[2], { text: 'Ocean is a ', finish_reason: 'stop', stop_string: 'noun' })
    t.match(answers[3], { text: 'Ocean is', stop_string: ' a' })
    t.match(answers[4], { usage: { prompt_tokens: 29, completion_tokens: 1 } }, 'the system message is there')
    const alone = await openelm(['run', '--temp', '1.2', '--seed', '5', '-n', '9', DEFINE_OCEAN], { env })
    t.equal(answers[5]?.text, alone.stdout, 'the text of "openelm run" with the same seed')
  })

  t.test('a line that cannot be answered becomes an error; the others are answered', async (t) => {
    const bad: [string, RegExp][] = [
      ['{"prompt":', /not valid JSON/],
      ['[1]', /Expected an object for the line/],
      ['{}', /either prompt or messages/],
      ['{"id":"both","prompt":"a","messages":[{"role":"user","content":"a"}]}', /either prompt or messages/],
      ['{"prompt":"a","temprature":1}', /Unknown option "temprature"/],
      ['{"prompt":"a","temperature":-1}', /between 0 and 100 for temperature but received -1/],
      ['{"prompt":7}', /Expected text for prompt/],
      ['{"messages":[]}', /at least one message/],
      ['{"messages":[{"role":"tool","content":"a"}]}', /one of system, developer, user, assistant/],
      [JSON.stringify({ prompt: 'ocean '.repeat(400) }), /tokens; the context holds 256/],
      [`{"prompt":"${'x'.repeat(2 ** 20)}"}`, /longer than 1048576 bytes/],
    ]
    const good = JSON.stringify({ prompt: DEFINE_OCEAN, max_tokens: 2 })
    const input = write(`${bad.map(([line]) => `${line}\n\n${good}\r\n`).join('')}`)
    const output = join(folder, 'bad.jsonl')
    const { code, stderr } = await batch(input, output)
    t.equal(code, 1)
    const answers = parse(readFileSync(output, 'utf8'))
    t.equal(answers.length, 2 * bad.length)
    for (const [i, [, message]] of bad.entries()) {
      t.match(answers[2 * i], { id: i === 3 ? 'both' : 3 * i + 1, error: { code: /^E_/, message } })
      t.equal(answers[2 * i + 1]?.text, 'Ocean')
      t.match(stderr, new RegExp(`^line ${3 * i + 1}:\nerror: `, 'm'))
    }
    const again = await batch(input, output)
    t.match(again, { code: 1, stderr: '' }, 'all are answered, and the errors are not forgotten')
    t.equal(parse(readFileSync(output, 'utf8')).length, 2 * bad.length)
  })

  t.test('invalid UTF-8, no newline at the end, nothing at all', async (t) => {
    const path = join(folder, 'bytes.jsonl')
    writeFileSync(
      path,
      Buffer.concat([
        Buffer.from('{"prompt":"\xff"}\n', 'latin1'),
        Buffer.from('{"prompt":"a","max_tokens":1}'),
      ]),
    )
    const { code, stdout } = await batch(path, '-')
    t.equal(code, 1)
    t.match(parse(stdout), [{ error: { message: 'The line is not valid UTF-8.' } }, { id: 2, text: String }])
    t.match(await batch('-', undefined, [], ''), { code: 0, stdout: '', stderr: '' })
  })

  t.test('standard input to standard output, and a reader that leaves', async (t) => {
    const line = { prompt: DEFINE_OCEAN }
    const { code, stdout } = await batch('-', '-', [], jsonl([line, line]))
    t.equal(code, 0)
    t.same(
      parse(stdout).map(({ text }) => text),
      [OCEAN, OCEAN],
    )
    const left = await openelm(['run', '--batch', '-'], {
      env,
      stdin: jsonl(new Array(500).fill({ prompt: DEFINE_OCEAN, ignore_eos: true })),
      meanwhile: (child) => child.stdout?.once('data', () => child.stdout?.destroy()),
    })
    t.match(left, { code: 0, signal: null, stderr: '' })
  })

  t.test('killed at any time, it goes on where it ended: no line lost, none doubled', async (t) => {
    const lines = Array.from({ length: 60 }, (_, i) => ({
      id: `line ${i}`,
      prompt: greedy[i % greedy.length]?.user,
      max_tokens: 5 + (i % 20),
    }))
    const input = write(lines)
    const expected = parse((await batch(input, undefined)).stdout).map(({ id, text }) => ({ id, text }))
    t.equal(expected.length, lines.length)
    const output = join(folder, 'killed.jsonl')
    const answered = () => (existsSync(output) ? readFileSync(output, 'utf8').split('\n').length - 1 : 0)
    const kills = [3, 11, 25, 40]
    for (const until of kills) {
      const child = spawn(
        process.execPath,
        [join(root, 'bin/openelm.js'), 'run', '--batch', input, '-o', output],
        {
          env: { ...process.env, ...env },
          stdio: 'ignore',
        },
      )
      const closed = new Promise<NodeJS.Signals | null>((resolve) =>
        child.on('close', (_, signal) => resolve(signal)),
      )
      const watch = setInterval(() => answered() >= until && child.kill('SIGKILL'), 2)
      t.equal(await closed, 'SIGKILL')
      clearInterval(watch)
      t.ok(answered() >= until && answered() < lines.length, `${answered()} answers when it was killed`)
      // A process killed inside a write leaves a part of a line.
      if (until === 11) appendFileSync(output, '{"id":"line 99","te')
      if (until === 25) truncateSync(output, readFileSync(output).length - 7)
    }
    const last = await batch(input, output)
    t.match(last, { code: 0, stderr: '' })
    t.same(
      parse(readFileSync(output, 'utf8')).map(({ id, text }) => ({ id, text })),
      expected,
    )
  })

  t.test('Ctrl-C keeps what is answered and exits with 130', async (t) => {
    const lines = Array.from({ length: 40 }, (_, i) => ({ id: i, prompt: DEFINE_OCEAN }))
    const [input, output] = [write(lines), join(folder, 'interrupted.jsonl')]
    const result = await openelm(['run', '--batch', input, '-o', output, '--stats'], {
      env: { ...env, OPENELM_ISA: 'reference' },
      meanwhile: (child) => {
        const watch = setInterval(() => {
          if (!existsSync(output) || readFileSync(output).length === 0) return
          clearInterval(watch)
          child.kill('SIGINT')
        }, 2)
        child.on('close', () => clearInterval(watch))
      },
    })
    t.equal(result.code, 130)
    const kept = parse(readFileSync(output, 'utf8'))
    t.ok(kept.length > 0 && kept.length < lines.length)
    for (const [i, answer] of kept.entries()) t.match(answer, { id: i, text: OCEAN })
  })

  t.test('an output of something else is left alone', async (t) => {
    const input = write([{ prompt: DEFINE_OCEAN, max_tokens: 1 }])
    const foreign = join(folder, 'notes.txt')
    writeFileSync(foreign, 'my notes\n')
    t.match(await batch(input, foreign), { code: 1, stderr: /not an answer of a batch.*E_FORMAT/ })
    t.equal(readFileSync(foreign, 'utf8'), 'my notes\n')
    const other = join(folder, 'other.jsonl')
    writeFileSync(other, jsonl([{ id: 'x', text: 'y' }]))
    t.match(await batch(input, other), { code: 2, stderr: /belongs to another input/ })
    writeFileSync(
      other,
      jsonl([
        { id: 1, text: 'y' },
        { id: 2, text: 'z' },
      ]),
    )
    t.match(await batch(input, other), { code: 2, stderr: /It has 2 answers; the input has 1 lines/ })
    t.match(await batch(input, join(folder, 'none', 'out.jsonl')), { code: 1, stderr: /E_FILE_WRITE/ })
    t.match(await batch(join(folder, 'none'), undefined), { code: 1, stderr: /E_FILE_NOT_FOUND/ })
    t.match(await batch(folder, undefined), { code: 1, stderr: /E_FILE_READ/ })
  })

  t.test('options that mean nothing together', async (t) => {
    const cases: [string[], RegExp][] = [
      [['-o', 'x', 'hi'], /^-o is for --batch/],
      [['--slots', '2', 'hi'], /^--slots is for --batch/],
      [['--batch', 'x', 'hi'], /^A prompt cannot be combined with --batch/],
      [['--batch', 'x', '--json'], /^--json cannot be combined/],
      [['--batch', 'x', '--slots', '0'], /between 1 and 64 for --slots/],
      [['--template', 'x', '--no-chat', 'hi'], /template "x" cannot be read/],
    ]
    for (const [args, error] of cases) {
      const result = await openelm(['run', ...args], { env })
      t.match(errorLines(result.stderr), { error, next: /./, rest: [] }, args.join(' '))
      t.ok(result.code === 1 || result.code === 2)
    }
  })

  t.test('--template replaces the chat template', async (t) => {
    const template = join(folder, 'template.jinja')
    writeFileSync(
      template,
      "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}{{ eos_token }}\n{% endfor %}<|assistant|>\n",
    )
    const own = await openelm(['run', DEFINE_OCEAN], { env })
    t.match(await openelm(['run', '--template', template, DEFINE_OCEAN], { env }), {
      code: 0,
      stdout: own.stdout,
    })
    writeFileSync(template, "{{ messages[0]['content'] }}")
    const plain = JSON.parse(
      (await openelm(['run', '--json', '-n', '1', '--template', template, DEFINE_OCEAN], { env })).stdout,
    )
    t.equal(plain.usage.prompt_tokens, 5)
    const { stdout } = await batch(write([{ prompt: DEFINE_OCEAN, max_tokens: 1 }]), '-', [
      '--template',
      template,
    ])
    t.match(parse(stdout), [{ usage: { prompt_tokens: 5 } }])
    t.match(await openelm(['run', '--template', template, '--no-chat', 'x'], { env }), {
      code: 2,
      stderr: /exclude each other/,
    })
    writeFileSync(template, '{% if %}')
    t.match(await openelm(['run', '--template', template, 'x'], { env }), { code: 1, stderr: /E_TEMPLATE/ })
    writeFileSync(template, '\n')
    t.match(await openelm(['run', '--template', template, 'x'], { env }), { code: 1, stderr: /E_FORMAT/ })
  })
})
