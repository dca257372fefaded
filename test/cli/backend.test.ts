/** What the command line says of backends. The GPUs here are pretended ones. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import tap from 'tap'
import { errorLines, openelm } from '../support/cli.js'
import { type Fake, fakeGpuAddon } from '../support/fake-gpu.js'
import { lexiconFile, temporaryFolder } from '../support/lexicon.js'

tap.test('backends on the command line', async (t) => {
  const folder = temporaryFolder(t)
  const model = await lexiconFile(t)
  const { OPENELM_ADDON = '' } = process.env
  const command = (fake: Fake, args: readonly string[], variables: Readonly<Record<string, string>> = {}) =>
    openelm(args, {
      env: {
        ...(OPENELM_ADDON === '' ? {} : { OPENELM_ADDON }),
        OPENELM_MODEL: model,
        OPENELM_THREADS: '1',
        OPENELM_BACKEND: '',
        OPENELM_CUDA_ADDON: fakeGpuAddon(folder, fake),
        XDG_CACHE_HOME: join(folder, 'cache'),
        ...variables,
      },
    })
  const run = ['run', '--no-chat', '--temp', '0', '-n', '3', 'Define']

  t.test('a GPU that works is named where the processor would be', async (t) => {
    const whole = await command('works', [...run, '--stats'])
    t.match(whole, { code: 0, stderr: /^model .* Q8_0, cuda, Pretended GPU\n/ })
    const part = await command('works', [...run, '--stats', '-ngl', '3'])
    t.match(part.stderr, /^model .* cuda, Pretended GPU with 3 of 8 layers; \w+, 1 thread\n/)
    const variables = await command('works', [...run, '--stats'], { OPENELM_GPU_LAYERS: '5' })
    t.match(variables.stderr, /with 5 of 8 layers/)
    t.equal(part.stdout, whole.stdout)
  })

  t.test('a GPU that fails costs one line, and nothing where the CPU is named', async (t) => {
    const fallen = await command('crashes', run)
    t.match(fallen, {
      code: 0,
      stdout: /./,
      stderr: 'note:  No GPU is used. The CUDA build failed its trial: it crashed (SIGSEGV).\n',
    })
    t.match(await command('crashes', [...run, '--backend', 'cpu']), { code: 0, stderr: '' })
    t.match(await command('crashes', run, { OPENELM_BACKEND: 'cpu' }), { code: 0, stderr: '' })
  })

  t.test('a GPU that was named and fails is an error of three lines', async (t) => {
    const result = await command('throws', [...run, '--backend', 'cuda'])
    t.match(result, { code: 1, stdout: '' })
    t.match(errorLines(result.stderr), {
      error: 'The backend cuda cannot be used. (E_BACKEND)',
      why: 'Its trial in another process failed: libcuda.so.1: cannot open shared object file.',
      next: /docs\/gpu\.md/,
      rest: [],
    })
  })

  t.test(
    'a GPU that fails in the middle is an error of three lines, and tried anew the next time',
    async (t) => {
      const memory = join(folder, 'cache/openelm/cuda-works.json')
      mkdirSync(dirname(memory), { recursive: true })
      writeFileSync(memory, '{}')
      const result = await command('fails later', run)
      t.match(result, { code: 1, stdout: '' })
      t.match(errorLines(result.stderr), {
        error: /failed\. \(E_BACKEND\)$/,
        why: /^The GPU or its driver failed\. \(CUDA failed at waiting: unspecified launch failure/,
        next: /--backend cpu/,
        rest: [],
      })
      t.notOk(existsSync(memory))
    },
  )

  t.test('wrong values are refused', async (t) => {
    for (const [args, error] of [
      [['--backend', 'rocm'], /Expected one of auto, cpu, cuda, metal for --backend but received "rocm"/],
      [['-ngl', 'all'], /Expected an integer between 0 and 4096 for --gpu-layers but received "all"/],
    ] as const) {
      const result = await command('works', [...run, ...args])
      t.match(result, { code: 2, stdout: '' })
      t.match(errorLines(result.stderr), { error })
    }
  })

  t.test('bench has a row for each backend and number of layers, and names the GPU', async (t) => {
    const bench = ['bench', '-p', '4', '-n', '0', '-r', '1', '--backend', 'cpu,cuda', '-ngl', '2,8']
    const { code, stdout, stderr } = await command('works', bench)
    t.match({ code, stderr }, { code: 0, stderr: '' })
    const cells = stdout
      .split('\n')
      .flatMap((line) => line.match(/^\|.*\| (C(?:PU|UDA)[^|]*?) +\|/)?.[1] ?? [])
    t.same(cells, ['CPU', 'CUDA 2/8', 'CUDA'])
    t.match(stdout, /\n\nCUDA: Pretended GPU, compute capability 0\.0, driver 0\.0\n$/)

    const rows = JSON.parse((await command('works', [...bench, '-o', 'json'])).stdout)
    t.match(rows, [
      { backends: 'CPU', gpu_info: '', n_gpu_layers: 0, n_layers: 8, n_batch: 512 },
      { backends: 'CUDA', gpu_info: /^Pretended GPU, /, n_gpu_layers: 2, n_layers: 8, n_batch: 2048 },
      { backends: 'CUDA', gpu_info: /^Pretended GPU, /, n_gpu_layers: 8, n_layers: 8, n_batch: 2048 },
    ])
  })

  t.test('devices lists what can compute, or why it cannot', async (t) => {
    const working = await command('works', ['devices'])
    t.match(working, { code: 0, stderr: '' })
    t.match(
      working.stdout,
      /^CPU +.*physical cores; kernels \w+.*\nCUDA +Pretended GPU, .*; 512 MiB of 1\.0 GiB free\n$/,
    )
    t.match(
      (await command('crashes', ['devices'])).stdout,
      /\nCUDA +does not work: it crashed \(SIGSEGV\)\n$/,
    )
    t.match(
      (await command('chains crash', ['devices'])).stdout,
      /\nCUDA +Pretended GPU, .* free\n +large models decode slower, without chains: it crashed \(SIGSEGV\)\n$/,
    )
    const { cpu, gpus } = JSON.parse((await command('throws', ['devices', '--json'])).stdout)
    t.match(cpu, { best: /./, physicalCores: Number })
    t.match(gpus, [{ backend: 'cuda', devices: [], why: /^libcuda/ }])
  })
})
