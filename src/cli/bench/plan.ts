/** What one row of the table measures, in llama-bench's terms. */
export interface BenchTest {
  /** Prompt tokens evaluated (pp). */
  readonly nPrompt: number
  /** Tokens generated one by one (tg). */
  readonly nGen: number
  /** Tokens already in the context, not measured. */
  readonly nDepth: number
}

/** `pp512`, `tg128`, `pp512+tg128`, each with `@ d1024` at a depth. */
export function testName({ nPrompt, nGen, nDepth }: BenchTest): string {
  const parts = [...(nPrompt > 0 ? [`pp${nPrompt}`] : []), ...(nGen > 0 ? [`tg${nGen}`] : [])]
  return `${parts.join('+')}${nDepth > 0 ? ` @ d${nDepth}` : ''}`
}

export interface BenchSizes {
  readonly nPrompt: readonly number[]
  readonly nGen: readonly number[]
  readonly pg: readonly { readonly nPrompt: number; readonly nGen: number }[]
  readonly depth: readonly number[]
}

/** Every test: for each depth the prompt tests, then the generation tests, then the combined ones. 0 leaves one out. */
export function planTests({ nPrompt, nGen, pg, depth }: BenchSizes): BenchTest[] {
  return depth.flatMap((nDepth) =>
    [
      ...nPrompt.map((n) => ({ nPrompt: n, nGen: 0, nDepth })),
      ...nGen.map((n) => ({ nPrompt: 0, nGen: n, nDepth })),
      ...pg.map((pair) => ({ ...pair, nDepth })),
    ].filter((test) => test.nPrompt + test.nGen > 0),
  )
}

/** Every combination of the values of each list, the last list varying fastest. */
export function crossProduct<T extends Readonly<Record<string, readonly unknown[]>>>(
  lists: T,
): { [K in keyof T]: T[K][number] }[] {
  return Object.entries(lists).reduce<Record<string, unknown>[]>(
    (rows, [name, values]) => rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value }))),
    [{}],
  ) as { [K in keyof T]: T[K][number] }[]
}
