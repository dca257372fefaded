/** --no-mmap and --mmap. */
import tap from 'tap'
import { errorLines, openelm } from '../support/cli.js'
import { lexiconFile, temporaryFolder } from '../support/lexicon.js'
import { hugeGguf } from '../support/tiny-model.js'

tap.test('weights in memory on the command line', async (t) => {
  const model = await lexiconFile(t)
  const command = (...args: string[]) =>
    openelm(args, { env: { OPENELM_MODEL: model, OPENELM_THREADS: '1' } })

  t.test('run writes the same text', async (t) => {
    const run = ['run', '-n', '8', 'Define ocean.']
    const mapped = await command(...run)
    t.match(mapped, { code: 0, stdout: /^Ocean/, stderr: '' })
    t.same(await command(...run, '--no-mmap'), mapped)
  })

  t.test('bench says which it was; of both options the last one counts', async (t) => {
    const bench = async (...args: string[]) => {
      const { stdout } = await command('bench', '-p', '1', '-n', '0', '-r', '1', '-o', 'json', ...args)
      return JSON.parse(stdout)[0].use_mmap
    }
    t.equal(await bench(), true)
    t.equal(await bench('--no-mmap'), false)
    t.equal(await bench('--no-mmap', '--mmap'), true)
    t.equal(await bench('--synthetic', '270M', '--type', 'q4_0', '--no-warmup'), false)
  })

  t.test(
    'too little memory is an error of three lines',
    { skip: process.platform !== 'linux' },
    async (t) => {
      const result = await command('run', '-m', hugeGguf(temporaryFolder(t)), '--no-mmap', 'Hello')
      t.match(result, { code: 1, stdout: '' })
      t.match(errorLines(result.stderr), {
        error: /^Loading .* failed\. \(E_MEMORY\)$/,
        why: /of memory are free\.$/,
        next: /^Leave --no-mmap/,
        rest: [],
      })
    },
  )
})
