import { cpus } from 'node:os'
import { Model } from '../../engine/model.js'
import type { SyntheticSize } from '../../engine/synthetic.js'
import { OpenElmError } from '../../errors.js'
import { type BenchRow, createFormatter } from '../bench/format.js'
import { measure } from '../bench/measure.js'
import { outputOptions, subjectOptions, testOptions } from '../bench/options.js'
import { crossProduct, planTests, testName } from '../bench/plan.js'
import type { CommandContext, CommandModule } from '../command.js'
import { reportFallback } from '../fallback.js'
import { resolveModel } from '../model-argument.js'
import { modelSpellings, type OptionValues, readOptions, toLoadOptions } from '../options.js'
import { Output } from '../output.js'
import { EXIT } from '../report-error.js'
import { version } from '../version.js'

const specs = { ...testOptions, ...subjectOptions, ...outputOptions }
type BenchOptions = OptionValues<typeof specs>

export const command: CommandModule = {
  help: {
    usage: ['openelm bench [OPTION…]'],
    about: `Measures tokens per second, with the tests of llama-bench: pp512 evaluates a prompt of 512 tokens,
tg128 generates 128 tokens one by one. Every test runs once to warm up and then several times; the
table shows mean ± standard deviation, and the median. Values may be lists (-t 1,2) or repeated;
every combination is measured.`,
    groups: { Tests: testOptions, 'What to measure': subjectOptions, Output: outputOptions },
    after: `Examples:
  openelm bench --synthetic 270M --type q8_0,q4_0
  openelm bench -m 270m.gguf -p 16,128,512 -n 0 -t 1,2
  openelm bench -m 270m.gguf -p 0 -n 64 -d 0,1024 --kv-type f16,q8_0
  openelm bench --synthetic 1.1B -pg 512,128 -r 3 -o json
  openelm bench --synthetic 3B --backend cpu,cuda`,
  },
  spellings: { '-pg': '--pg', ...modelSpellings },
  run,
}

/** A model to measure: a file, or a synthetic one. */
type Subject = { readonly file: string } | { readonly size: SyntheticSize; readonly type: string }

async function subjectsOf(
  { model, synthetic, type, yes }: BenchOptions,
  signal: AbortSignal,
): Promise<Subject[]> {
  if (synthetic && model) {
    throw new OpenElmError('E_USAGE', 'Either --model or --synthetic can be measured, not both.', {
      next: 'Run bench once for each.',
    })
  }
  if (type && !synthetic) {
    throw new OpenElmError('E_USAGE', '--type is only for synthetic weights.', {
      why: 'The weights of a file have the type that the file gives them.',
      next: 'Add --synthetic 270M, or leave --type out.',
    })
  }
  if (synthetic) return crossProduct({ size: synthetic, type: type ?? ['q8_0'] })
  const subjects: Subject[] = []
  for (const name of model ?? [undefined]) {
    subjects.push({ file: await resolveModel(name, { yes: yes ?? false, signal }) })
  }
  return subjects
}

async function run({ raw, signal }: CommandContext): Promise<number> {
  const options = readOptions(specs, raw)
  const tests = planTests({
    nPrompt: options.nPrompt ?? [512],
    nGen: options.nGen ?? [128],
    pg: options.pg ?? [],
    depth: options.depth ?? [0],
  })
  if (tests.length === 0) {
    throw new OpenElmError('E_USAGE', 'There is nothing to measure.', { why: 'Every test has 0 tokens.' })
  }
  const loads = crossProduct({
    subject: await subjectsOf(options, signal),
    threads: options.threads ?? [undefined],
    isa: options.isa ?? [undefined],
    activations: options.activations ?? [undefined],
    backend: options.backend ?? [undefined],
    gpuLayers: options.gpuLayers ?? [undefined],
    // The CPU has no use for several numbers of layers.
  }).filter(({ backend, gpuLayers }) => backend !== 'cpu' || gpuLayers === options.gpuLayers?.[0])
  const output = new Output(process.stdout)
  const stop = AbortSignal.any([signal, output.closed])
  const formatter = createFormatter(options.output)
  await output.write(formatter.start())
  try {
    for (const { subject, ...how } of loads) {
      stop.throwIfAborted()
      const load = { ...toLoadOptions({ ...how, mmap: options.mmap }), signal: stop }
      showProgress('loading')
      const model =
        'file' in subject
          ? await Model.load(subject.file, load)
          : await Model.synthetic(subject.size, { ...load, type: subject.type })
      try {
        showProgress('')
        reportFallback(model)
        const file = 'file' in subject ? subject.file : undefined
        for await (const row of measureAll(model, file, tests, options, stop)) {
          showProgress('')
          await output.write(formatter.row(row))
        }
      } finally {
        await model.dispose()
      }
    }
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    showProgress('')
    await output.write(formatter.end())
  }
  return signal.aborted ? EXIT.interrupted : EXIT.done
}

async function* measureAll(
  model: Model,
  file: string | undefined,
  tests: ReturnType<typeof planTests>,
  options: BenchOptions,
  signal: AbortSignal,
): AsyncGenerator<BenchRow> {
  const repetitions = options.repetitions ?? 5
  const runs = crossProduct({
    nBatch: options.batchSize ?? [model.batchSize],
    kvType: options.kvType ?? ['f16' as const],
    test: tests,
  })
  for (const [index, { nBatch, kvType, test }] of runs.entries()) {
    const startedAt = new Date()
    const seconds = await measure(model, test, {
      repetitions,
      warmup: options.noWarmup !== false,
      kvType,
      nBatch,
      signal,
      onRun: (run) =>
        showProgress(
          `${model.name} ${testName(test)} (${index + 1} of ${runs.length}), ` +
            (run === 0 ? 'warming up' : `run ${run} of ${repetitions}`),
        ),
    })
    yield {
      version: version(),
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      model: model.name,
      file,
      type: model.type,
      weightBytes: model.weightBytes,
      parameters: model.parameters,
      isa: model.isa,
      activations: model.activations,
      threads: model.threads,
      backend: model.backend,
      device: model.device,
      gpuLayers: model.gpuLayers,
      layers: model.layers,
      mmap: model.mmap,
      kvType,
      nBatch,
      test,
      startedAt,
      seconds,
    }
  }
}

/** One line on stderr that is replaced by the next and erased by an empty one; only on a terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
