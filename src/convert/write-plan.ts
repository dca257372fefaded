import { OpenElmError } from '../errors.js'
import { rowBytes } from '../formats/ggml-types.js'
import { alignUp, defaultAlignment } from '../formats/gguf/reader.js'
import { type GgufLayout, layOutGguf } from '../formats/gguf/writer.js'
import type { ByteSink } from './atomic-file.js'
import type { ConversionPlan, TensorTask } from './plan.js'

export interface ConversionProgress {
  /** Bytes of the output written so far, and in the end. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly tensor: string
}

/** Elements converted at a time: 4 MiB as f32. Memory is a few of these, whatever the model. */
const chunkElements = 2 ** 20
/** Chunks converted at the same time: as many as libuv has threads, so that all cores work. */
const chunksInFlight = 4

/** Where everything of a plan goes in the file. */
export function layOutPlan(plan: ConversionPlan): GgufLayout {
  return layOutGguf(
    plan.metadata,
    plan.tasks.map(({ name, to, rows, cols, vector }) => ({
      name,
      type: to,
      dims: vector ? [cols] : [cols, rows],
    })),
  )
}

/**
 * Writes a plan's file to a sink, front to back. Conversion runs on worker threads, ahead of the writing.
 * @throws OpenElmError E_ABORTED when `signal` fires, and whatever sink and addon throw
 */
export async function writePlan(
  plan: ConversionPlan,
  layout: GgufLayout,
  sink: ByteSink,
  signal: AbortSignal | undefined,
  onProgress: (progress: ConversionProgress) => void,
): Promise<void> {
  let doneBytes = 0
  const write = async (bytes: Uint8Array, tensor: string) => {
    stopIfAborted(signal)
    await sink.write(bytes)
    doneBytes += bytes.length
    onProgress({ doneBytes, totalBytes: layout.fileSize, tensor })
  }
  await write(layout.header, '')
  for await (const { bytes, task, last } of convertedInOrder(plan.tasks)) {
    await write(bytes, task.name)
    if (!last) continue
    const padding = alignUp(doneBytes, defaultAlignment) - doneBytes
    if (padding > 0) await write(new Uint8Array(padding), task.name)
  }
}

interface Chunk {
  readonly task: TensorTask
  readonly firstRow: number
  readonly rows: number
  readonly last: boolean
}

function* chunksOf(tasks: readonly TensorTask[]): Generator<Chunk> {
  for (const task of tasks) {
    const rows = Math.max(1, Math.floor(chunkElements / task.cols))
    for (let firstRow = 0; firstRow < task.rows; firstRow += rows) {
      const taken = Math.min(rows, task.rows - firstRow)
      yield { task, firstRow, rows: taken, last: firstRow + taken === task.rows }
    }
  }
}

/** The converted chunks in order, the next ones being worked on while one is consumed. */
async function* convertedInOrder(tasks: readonly TensorTask[]) {
  const pending: { chunk: Chunk; bytes: Promise<Uint8Array> }[] = []
  try {
    for (const chunk of chunksOf(tasks)) {
      const bytes = convertChunk(chunk)
      // A rejection is reported when its turn comes; until then it must not count as unhandled.
      bytes.catch(() => {})
      pending.push({ chunk, bytes })
      if (pending.length < chunksInFlight) continue
      const first = pending.shift()
      if (first) yield { ...first.chunk, bytes: await first.bytes }
    }
    for (const { chunk, bytes } of pending.splice(0)) yield { ...chunk, bytes: await bytes }
  } finally {
    await Promise.allSettled(pending.map(({ bytes }) => bytes))
  }
}

async function convertChunk({ task, firstRow, rows }: Chunk): Promise<Uint8Array> {
  const sourceRow = rowBytes(task.from, task.cols)
  const offset = task.offset + firstRow * sourceRow
  if (task.from === task.to) return task.file.read(offset, rows * sourceRow)
  return task.file.convert(offset, task.from.id, rows, task.cols, task.to.id)
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new OpenElmError('E_ABORTED', 'The conversion was interrupted.', {
    why: 'Nothing was written.',
    cause: signal.reason,
  })
}
