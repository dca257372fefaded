/** `openelm run` with --format, --schema, --grammar and --prompt-cache. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { errorLines, openelm } from '../support/cli.js'
import { DEFINE_OCEAN, lexiconFile, temporaryFolder } from '../support/lexicon.js'

tap.test('openelm run: what the answer must be', async (t) => {
  const folder = temporaryFolder(t)
  const model = await lexiconFile(t)
  const env = { OPENELM_MODEL: model, OPENELM_THREADS: '1' }
  const run = (...args: string[]) => openelm(['run', ...args], { env })
  let files = 0
  const write = (content: string): string => {
    const path = join(folder, `file-${++files}`)
    writeFileSync(path, content)
    return path
  }
  const schema = write(
    JSON.stringify({
      type: 'object',
      properties: { n: { type: 'integer', minimum: 1 }, s: { maxLength: 9 } },
      required: ['n', 's'],
    }),
  )

  t.test('a schema, a format, a grammar', async (t) => {
    for (const args of [
      ['--schema', schema],
      ['--schema', schema, '--format', 'json'],
      ['--schema', schema, '-n', '18'],
    ]) {
      const { code, stdout, stderr } = await run(...args, DEFINE_OCEAN)
      t.match({ code, stderr }, { code: 0, stderr: '' })
      t.match(JSON.parse(stdout), { n: Number, s: String }, stdout)
    }
    const any = await run('--format', 'json', '-n', '20', '--json', DEFINE_OCEAN)
    const record = JSON.parse(any.stdout)
    t.equal(typeof JSON.parse(record.text), 'object', 'the text of the record is the JSON')
    t.equal(record.finish_reason, 'length')
    const grammar = write('root ::= "yes" | "no"\n')
    t.match((await run('--grammar', grammar, DEFINE_OCEAN)).stdout, /^(yes|no)$/)
    t.match(await run('--format', 'text', '-n', '3', DEFINE_OCEAN), { code: 0, stdout: 'Ocean is' })
  })

  t.test('what cannot be', async (t) => {
    const cases: [string[], number, RegExp][] = [
      [['--format', 'xml'], 2, /^Expected text or json for --format but received "xml"/],
      [['--schema', schema, '--grammar', schema], 2, /^The options grammar and schema exclude each other/],
      [['--schema', schema, '--stop', 'x'], 2, /^The options stop and schema exclude each other/],
      [['--schema', join(folder, 'none')], 1, /^The schema ".*none" cannot be read/],
      [['--grammar', join(folder, 'none')], 1, /^The grammar ".*none" cannot be read/],
      [['--grammar', folder], 1, /cannot be read/],
      [['--grammar', write('')], 1, /is not a grammar/],
      [['--grammar', write('root ::= x')], 1, /^The grammar cannot be used: see line:column 1:10/],
      [['--schema', write('{')], 1, /is not JSON/],
      [['--schema', write('3')], 1, /is not a JSON Schema/],
      [['--schema', write('{"contains": {}}')], 1, /^The schema cannot be followed at "#\/contains"/],
      [['--schema', schema, '-n', '2'], 1, /^The generation failed/],
      [['--batch', '-', '--prompt-cache', 'x'], 2, /^--prompt-cache cannot be combined with --batch/],
    ]
    for (const [args, code, error] of cases) {
      const rest = args.includes('--batch') ? args : [...args, DEFINE_OCEAN]
      const result = await run(...rest)
      t.match(result, { code, stdout: '' }, String(error))
      t.match(errorLines(result.stderr), { error, next: /./, rest: [] }, result.stderr)
    }
  })

  t.test('lines of a batch', async (t) => {
    const input = write(
      [
        { prompt: DEFINE_OCEAN },
        { prompt: DEFINE_OCEAN, grammar: 'root ::= "a"+', max_tokens: 3 },
        { prompt: DEFINE_OCEAN, json_schema: { type: 'boolean' } },
        {
          prompt: DEFINE_OCEAN,
          response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { const: 4 } } },
        },
        { prompt: DEFINE_OCEAN, response_format: { type: 'text' }, max_tokens: 3 },
        { prompt: DEFINE_OCEAN, stop: '"' },
        { prompt: DEFINE_OCEAN, grammar: 'root ::= "a"', json_schema: {} },
      ]
        .map((line) => JSON.stringify(line))
        .join('\n'),
    )
    const { code, stdout } = await run('--batch', input, '--schema', schema, '-n', '40')
    t.equal(code, 1)
    const [first, ...answers] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    t.match(JSON.parse(first.text), { n: Number, s: String })
    t.match(answers, [
      { text: /^a{1,9}$/ },
      { text: /^(true|false)$/ },
      { text: '4', finish_reason: 'eos' },
      { text: 'Ocean is' },
      { error: { code: 'E_USAGE' } },
      { error: { code: 'E_USAGE' } },
    ])
  })

  t.test('--prompt-cache', async (t) => {
    const prompt = 'Define ocean and sea and river and lake and pond and brook. '.repeat(4)
    const file = join(folder, 'prompt.cache')
    const ask = async (...args: string[]) => JSON.parse((await run('--json', '-n', '20', ...args)).stdout)
    const plain = await ask(prompt)
    const first = await ask('--prompt-cache', file, prompt)
    t.ok(existsSync(file))
    const second = await ask('--prompt-cache', file, prompt)
    t.same([first.tokens, second.tokens], [plain.tokens, plain.tokens])
    t.equal(first.usage.prompt_tokens_details.cached_tokens, 0)
    const { cached_tokens } = second.usage.prompt_tokens_details
    t.ok(cached_tokens > 32 && cached_tokens < plain.usage.prompt_tokens, `${cached_tokens} cached`)
    t.equal(second.usage.prompt_tokens, plain.usage.prompt_tokens)
    const refused = await run('--prompt-cache', file, '--kv-type', 'f32', prompt)
    t.match(refused, { code: 1, stdout: '', stderr: /E_PROMPT_CACHE/ })
    const bytes = readFileSync(file)
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 8
    writeFileSync(file, bytes)
    const damaged = await run('--prompt-cache', file, prompt)
    t.match(damaged, { code: 1, stdout: '' })
    t.match(errorLines(damaged.stderr), { error: /is damaged/, why: /checksum/, next: /Delete it/, rest: [] })
  })
})
