import { backendTitle } from '../../engine/backend.js'
import type { Activations, BackendName, GpuDevice, KvType } from '../../engine/types.js'
import { type BenchTest, testName } from './plan.js'
import { summarize } from './statistics.js'

export const FORMATS = ['md', 'json', 'jsonl', 'csv'] as const
export type Format = (typeof FORMATS)[number]

/** One measured test and what it ran on. */
export interface BenchRow {
  readonly version: string
  readonly cpu: string
  readonly model: string
  readonly file: string | undefined
  readonly type: string
  readonly weightBytes: number
  readonly parameters: number
  readonly isa: string
  readonly activations: Activations
  readonly threads: number
  readonly backend: BackendName
  readonly device: GpuDevice | undefined
  readonly gpuLayers: number
  readonly layers: number
  readonly mmap: boolean
  readonly kvType: KvType
  readonly nBatch: number
  readonly test: BenchTest
  readonly startedAt: Date
  readonly seconds: readonly number[]
}

/** Turns rows into text as they come: `start`, then each row, then `end`. */
export interface Formatter {
  start(): string
  row(row: BenchRow): string
  end(): string
}

/** The fields of the machine formats: llama-bench's names where it has the field. */
function fields(row: BenchRow) {
  const { nPrompt, nGen, nDepth } = row.test
  const rates = row.seconds.map((seconds) => (nPrompt + nGen) / seconds)
  const nanoseconds = row.seconds.map((seconds) => Math.round(seconds * 1e9))
  const time = summarize(nanoseconds)
  const rate = summarize(rates)
  return {
    build: `openelm ${row.version}`,
    cpu_info: row.cpu,
    backends: backendTitle(row.backend),
    gpu_info: row.device ? `${row.device.name}, ${row.device.details}` : '',
    n_gpu_layers: row.gpuLayers,
    n_layers: row.layers,
    isa: row.isa,
    activations: row.activations,
    model_filename: row.file ?? null,
    model_type: `${row.model} ${row.type}`,
    model_size: row.weightBytes,
    model_n_params: row.parameters,
    n_batch: row.nBatch,
    n_threads: row.threads,
    use_mmap: row.mmap,
    type_k: row.kvType,
    type_v: row.kvType,
    n_prompt: nPrompt,
    n_gen: nGen,
    n_depth: nDepth,
    test: testName(row.test),
    test_time: row.startedAt.toISOString(),
    avg_ns: Math.round(time.mean),
    stddev_ns: Math.round(time.sd),
    avg_ts: rate.mean,
    stddev_ts: rate.sd,
    median_ts: rate.median,
    samples_ns: nanoseconds,
    samples_ts: rates,
  }
}

type Fields = ReturnType<typeof fields>

/** Bytes as GiB or MiB, parameters as B or M: what readers compare at a glance. */
const size = (bytes: number) =>
  bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(2)} MiB`
const count = (n: number) => (n >= 1e9 ? `${(n / 1e9).toFixed(2)} B` : `${(n / 1e6).toFixed(2)} M`)

interface Column {
  readonly title: string
  readonly width: number
  readonly right: boolean
  readonly text: (row: Fields) => string
}

const column = (title: string, width: number, right: boolean, text: Column['text']): Column => ({
  title,
  width,
  right,
  text,
})

/** `CUDA`, or `CUDA 20/36` where the CPU computes the other layers. */
const backendCell = ({ backends, n_gpu_layers: gpu, n_layers: all }: Fields) =>
  gpu > 0 && gpu < all ? `${backends} ${gpu}/${all}` : backends

/** `avx512`, or `avx512 int8` where prompts have 8-bit activations. */
const isaCell = ({ isa, activations }: Fields) => (activations === 'int8' ? `${isa} int8` : isa)

const TABLE: readonly Column[] = [
  column('model', 30, false, (row) => row.model_type),
  column('size', 10, true, (row) => size(row.model_size)),
  column('params', 8, true, (row) => count(row.model_n_params)),
  column('backend', 10, false, backendCell),
  column('isa', 11, false, isaCell),
  column('threads', 7, true, (row) => String(row.n_threads)),
  column('kv', 4, false, (row) => row.type_k),
  column('test', 15, true, (row) => row.test),
  column('t/s', 18, true, (row) => `${row.avg_ts.toFixed(2)} ± ${row.stddev_ts.toFixed(2)}`),
  column('median', 9, true, (row) => row.median_ts.toFixed(2)),
]

const cells = (texts: readonly string[]) => `| ${texts.join(' | ')} |\n`

/** A table; below it which GPUs computed. */
function markdown(): Formatter {
  const gpus = new Set<string>()
  const pad = (text: string, { width, right }: Column) => (right ? text.padStart(width) : text.padEnd(width))
  const rule = ({ width, right }: Column) => (right ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))
  return {
    start: () => cells(TABLE.map((column) => pad(column.title, column))) + cells(TABLE.map(rule)),
    row(row) {
      const values = fields(row)
      if (values.gpu_info !== '') gpus.add(`${values.backends}: ${values.gpu_info}`)
      return cells(TABLE.map((column) => pad(column.text(values), column)))
    },
    end: () => (gpus.size > 0 ? `\n${[...gpus].join('\n')}\n` : ''),
  }
}

const jsonLines: Formatter = {
  start: () => '',
  row: (row) => `${JSON.stringify(fields(row))}\n`,
  end: () => '',
}

/** One array; complete also when it ends early. */
function json(): Formatter {
  let rows = 0
  return {
    start: () => '[',
    row: (row) => `${rows++ > 0 ? ',' : ''}\n${JSON.stringify(fields(row), null, 2).replace(/^/gm, '  ')}`,
    end: () => (rows > 0 ? '\n]\n' : ']\n'),
  }
}

/** RFC 4180 with a header; the lists of samples are left to the JSON formats. */
function csv(): Formatter {
  let header = true
  const quote = (value: unknown) => `"${String(value ?? '').replaceAll('"', '""')}"`
  return {
    start: () => '',
    row(row) {
      const { samples_ns: _ns, samples_ts: _ts, ...values } = fields(row)
      const line = `${Object.values(values).map(quote).join(',')}\n`
      const first = header ? `${Object.keys(values).join(',')}\n` : ''
      header = false
      return first + line
    },
    end: () => '',
  }
}

/** A formatter for one run of the bench. */
export function createFormatter(format: Format): Formatter {
  switch (format) {
    case 'md':
      return markdown()
    case 'json':
      return json()
    case 'jsonl':
      return jsonLines
    case 'csv':
      return csv()
  }
}
