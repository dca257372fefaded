import { llama2Vocab } from '../src/formats/tokenizer/llama2.js'
import type { NativeBinding } from '../src/native/binding.js'
import { madeUpText } from './lib/made-up.js'
import { digits, summarize } from './lib/stats.js'
import { markdownTable } from './lib/table.js'

export interface TokenizingRow {
  readonly what: string
  readonly amount: string
  /** Milliseconds of one call, or of the whole stream. */
  readonly milliseconds: number
  /** MB of UTF-8 a second. */
  readonly rate: number
  /** Microseconds a token. */
  readonly perToken: number
}

/** Llama 2's vocabulary: encoding texts of two sizes, decoding at once and token by token with stop strings. */
export async function benchTokenizing(
  native: NativeBinding,
  { seconds, quick }: { readonly seconds: number; readonly quick: boolean },
): Promise<TokenizingRow[]> {
  const tokenizer = new native.Tokenizer(await llama2Vocab())
  const median = (run: () => void): number => {
    const samples: number[] = []
    const end = performance.now() + seconds * 1000
    do {
      const start = performance.now()
      run()
      samples.push(performance.now() - start)
    } while (performance.now() < end)
    return summarize(samples).median
  }
  const rows: TokenizingRow[] = []
  const add = (what: string, bytes: number, tokens: number, milliseconds: number): void => {
    rows.push({
      what,
      amount: `${digits(bytes / 1e6)} MB, ${tokens.toLocaleString('en-US')} tokens`,
      milliseconds,
      rate: bytes / 1e3 / milliseconds,
      perToken: (milliseconds * 1e3) / tokens,
    })
  }
  for (const kind of ['words', 'solid'] as const) {
    for (const length of quick ? [10_000] : [10_000, 1_000_000]) {
      const text = madeUpText(kind, length)
      const ids = tokenizer.encode(text, false, true)
      const bytes = Buffer.byteLength(text)
      add(
        `encode, ${kind}`,
        bytes,
        ids.length,
        median(() => tokenizer.encode(text, false, true)),
      )
      add(
        `encode with specials, ${kind}`,
        bytes,
        ids.length,
        median(() => tokenizer.encode(text, true, true)),
      )
      add(
        `decode, ${kind}`,
        bytes,
        ids.length,
        median(() => tokenizer.decode(ids, false, true)),
      )
      if (length > 10_000 || quick) {
        const stream = (stops: readonly string[]) => () => {
          const text = new native.TextStream(tokenizer, false, false, stops)
          for (const id of ids) text.push(id)
        }
        add(`stream, ${kind}`, bytes, ids.length, median(stream([])))
        // Never found, but their beginnings are.
        add(
          `stream with 4 stops, ${kind}`,
          bytes,
          ids.length,
          median(stream(['the end.', '\n\n#', '</s>', 'ee~'])),
        )
      }
    }
  }
  return rows
}

export const tokenizingTable = (rows: readonly TokenizingRow[]): string =>
  markdownTable(
    ['tokenizer', 'of', 'ms', 'MB/s', 'µs a token'],
    rows.map(({ what, amount, milliseconds, rate, perToken }) => [
      what,
      amount,
      digits(milliseconds),
      digits(rate),
      digits(perToken),
    ]),
    2,
  )
