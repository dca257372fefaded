import { digits, type Summary, withSpread } from '../lib/stats.js'
import { markdownTable } from '../lib/table.js'

export interface PeerRate {
  readonly engine: string
  readonly backend: string
  readonly rate: Summary
  /** Of our median to the peer's: above 1 we are faster. */
  readonly ratio: number
}

/** One test of one model. */
export interface SpeedRow {
  readonly model: string
  readonly threads: number
  readonly test: string
  readonly isa: string
  readonly rate: Summary
  /** Decoding without context: GB/s of weights. */
  readonly streamed: number | undefined
  /** That of the read bandwidth with these threads. */
  readonly share: number | undefined
  readonly peers: readonly PeerRate[]
}

/** Peak memory of one engine with one model, bytes: the most of all its processes. */
export interface MemoryRow {
  readonly model: string
  readonly threads: number
  readonly engine: string
  readonly weights: number
  readonly peak: number
  readonly anonymous: number
}

/**
 * @param ours title of our engine
 * @param engines titles of the peers, a pair of columns each
 */
export function speedTable(rows: readonly SpeedRow[], ours: string, engines: readonly string[]): string {
  const cells = ({ peers }: SpeedRow): string[] =>
    engines.flatMap((title) => {
      const peer = peers.find(({ engine }) => engine === title)
      return peer ? [withSpread(peer.rate), `${peer.ratio.toFixed(2)} ×`] : ['', '']
    })
  return markdownTable(
    ['model', 'threads', 'test', ours, 'of bandwidth', ...engines.flatMap((title) => [title, 'ratio'])],
    rows.map((row) => [
      row.model,
      `${row.threads}`,
      row.test,
      withSpread(row.rate),
      row.share === undefined ? '' : `${Math.round(row.share * 100)} %`,
      ...cells(row),
    ]),
    3,
  )
}

export function memoryTable(rows: readonly MemoryRow[]): string {
  const mebibytes = (bytes: number): string => digits(bytes / 2 ** 20)
  return markdownTable(
    ['model', 'threads', 'engine', 'weights, MiB', 'peak, MiB', 'beyond weights', 'not backed by a file'],
    rows.map(({ model, threads, engine, weights, peak, anonymous }) => [
      model,
      `${threads}`,
      engine,
      mebibytes(weights),
      mebibytes(peak),
      mebibytes(peak - weights),
      anonymous > 0 ? mebibytes(anonymous) : '',
    ]),
    3,
  )
}

/** Which code of each engine ran: our variant, node-llama-cpp's build. */
export function backendLine(rows: readonly SpeedRow[]): string {
  const backends = new Map<string, Set<string>>()
  const note = (engine: string, backend: string) =>
    backends.set(engine, (backends.get(engine) ?? new Set()).add(backend))
  for (const row of rows) {
    note('openelm', row.isa)
    for (const { engine, backend } of row.peers) note(engine, backend)
  }
  return [...backends].map(([engine, names]) => `${engine}: ${[...names].join(', ')}`).join('; ')
}
