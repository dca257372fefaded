import tap from 'tap'
import { crossProduct, planTests, testName } from '../../src/cli/bench/plan.js'
import { summarize } from '../../src/cli/bench/statistics.js'
import { errorLines, openelm } from '../support/cli.js'
import { lexiconFile } from '../support/lexicon.js'

tap.test('tests are planned and named as llama-bench does', async (t) => {
  const tests = planTests({ nPrompt: [512, 0], nGen: [128], pg: [{ nPrompt: 8, nGen: 4 }], depth: [0, 16] })
  t.same(tests.map(testName), ['pp512', 'tg128', 'pp8+tg4', 'pp512 @ d16', 'tg128 @ d16', 'pp8+tg4 @ d16'])
  t.same(crossProduct({ a: [1, 2], b: ['x', 'y'] }), [
    { a: 1, b: 'x' },
    { a: 1, b: 'y' },
    { a: 2, b: 'x' },
    { a: 2, b: 'y' },
  ])
})

tap.test('statistics', async (t) => {
  t.same(summarize([4]), { mean: 4, sd: 0, median: 4 })
  const { mean, sd, median } = summarize([9, 1, 2, 4])
  t.equal(mean, 4)
  t.equal(median, 3)
  t.ok(Math.abs(sd - Math.sqrt(38 / 3)) < 1e-12)
})

tap.test('openelm bench', async (t) => {
  const model = await lexiconFile(t)
  const bench = (...args: string[]) => openelm(['bench', ...args], { env: { OPENELM_MODEL: model } })

  t.test('a table with a row for each combination', async (t) => {
    const { code, stdout, stderr } = await bench('-p', '4,8', '-n', '3', '-pg', '4,2', '-t', '1', '-r', '2')
    t.match({ code, stderr }, { code: 0, stderr: '' })
    const [head, rule, ...rows] = stdout.trimEnd().split('\n')
    t.match(
      head,
      /^\| model .* size .* params .* backend .* isa .* threads .* kv .* test .* t\/s .* median \|$/,
    )
    t.match(rule, /^[|:\- ]+$/)
    const tests = rows.map((row) => row.split('|').map((cell) => cell.trim()))
    t.same(
      tests.map((cells) => cells[8]),
      ['pp4', 'pp8', 'tg3', 'pp4+tg2'],
    )
    for (const cells of tests) {
      t.match(cells[1], /Q8_0$/)
      t.match(cells[2], /^5\.\d\d MiB$/)
      t.equal(cells[3], '5.82 M')
      t.equal(cells[4], 'CPU')
      t.match(cells[9], /^\d+\.\d\d ± \d+\.\d\d$/)
      t.match(cells[10], /^\d+\.\d\d$/)
    }
  })

  t.test('json, jsonl and csv carry every sample', async (t) => {
    const args = ['-p', '4', '-n', '2', '-r', '3', '-t', '1', '--isa', 'reference', '-d', '0,5', '-o']
    const rows = JSON.parse((await bench(...args, 'json')).stdout)
    t.same(
      rows.map((row: { test: string }) => row.test),
      ['pp4', 'tg2', 'pp4 @ d5', 'tg2 @ d5'],
    )
    for (const row of rows) {
      t.match(row, {
        backends: 'CPU',
        isa: 'reference',
        activations: 'auto',
        n_threads: 1,
        type_k: 'f16',
        model_n_params: 5821184,
      })
      t.equal(row.samples_ns.length, 3)
      t.equal(row.samples_ts.length, 3)
      const tokens = row.n_prompt + row.n_gen
      const rates = row.samples_ts as number[]
      t.ok(Math.abs(rates.reduce((a, b) => a + b) / 3 - row.avg_ts) < 1e-6 * row.avg_ts)
      t.ok(rates.includes(row.median_ts))
      t.ok(Math.abs((tokens * 1e9) / row.samples_ns[0] / (rates[0] ?? 0) - 1) < 1e-3)
    }
    const lines = (await bench(...args, 'jsonl')).stdout.trimEnd().split('\n')
    t.same(
      lines.map((line) => JSON.parse(line).test),
      ['pp4', 'tg2', 'pp4 @ d5', 'tg2 @ d5'],
    )
    const csv = (await bench(...args, 'csv')).stdout.trimEnd().split('\n')
    t.equal(csv.length, 5)
    t.equal(csv[0]?.split(',').length, csv[1]?.match(/"(?:[^"]|"")*"/g)?.length)
  })

  t.test('synthetic weights need no file', async (t) => {
    const { code, stdout } = await bench(
      '--synthetic',
      '270M',
      '--type',
      'q4_0',
      '-p',
      '1',
      '-n',
      '0',
      '-r',
      '1',
      '--no-warmup',
    )
    t.equal(code, 0)
    t.match(stdout, /\| OpenELM-270M-synthetic Q4_0 +\| 14\d\.\d\d MiB \| 271\.53 M \| CPU .* pp1 /)
  })

  t.test('wrong usage', async (t) => {
    const cases: [string[], RegExp][] = [
      [['-o', 'xml'], /one of md, json, jsonl, csv for --output/],
      [['-p', 'x'], /between 0 and 1048576 for --n-prompt but received "x"/],
      [['-pg', '512'], /two numbers such as 512,128 for --pg but received "512"/],
      [['-p', '0', '-n', '0'], /^There is nothing to measure/],
      [['--type', 'q4_0'], /^--type is only for synthetic weights/],
      [['--synthetic', '2B'], /one of 270M, 450M, 1\.1B, 3B/],
      [['--synthetic', '270M', '-m', model], /^Either --model or --synthetic/],
      [['--activations', 'int8,8'], /^Expected one of auto, int8 for --activations but received/],
      [['-t', '1,0'], /an integer between 1 and 256 for --threads but received "1,0"/],
    ]
    for (const [args, error] of cases) {
      const result = await bench(...args)
      t.match(result, { code: 2, stdout: '' }, args.join(' '))
      t.match(errorLines(result.stderr), { error, next: /./ }, args.join(' '))
    }
  })

  t.test('Ctrl-C leaves a complete array of what was measured', async (t) => {
    const result = await openelm(['bench', '-p', '1', '-n', '0', '-r', '1000', '-d', '0,1', '-o', 'json'], {
      env: { OPENELM_MODEL: model, OPENELM_ISA: 'reference', OPENELM_THREADS: '1' },
      meanwhile: (child) => child.stdout?.once('data', () => setTimeout(() => child.kill('SIGINT'), 300)),
    })
    t.equal(result.code, 130)
    t.ok(Array.isArray(JSON.parse(result.stdout)))
    t.equal(result.stderr, '')
  })
})
