import fc from 'fast-check'

/** One way to damage a file's header. */
export type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'byte'; readonly at: number; readonly value: number }
  | { readonly kind: 'u64'; readonly at: number; readonly value: bigint }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'copy'; readonly at: number; readonly from: number; readonly length: number }

/** Values that break arithmetic: around 0, 2^31, 2^32, 2^53, 2^63 and 2^64. */
const edges = [0n, 1n, 31n, 32n, 33n, 63n, 64n].flatMap((power) => [2n ** power - 1n, 2n ** power])

/** One to four mutations within the first `headerBytes` bytes. */
export function mutations(headerBytes: number): fc.Arbitrary<Mutation[]> {
  const at = fc.nat(headerBytes - 1)
  const length = fc.integer({ min: 1, max: 64 })
  const value = fc
    .oneof(fc.constantFrom(...edges), fc.bigInt(0n, 2n ** 64n - 1n))
    .map((n) => BigInt.asUintN(64, n))
  const one: fc.Arbitrary<Mutation> = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat(7) }),
    fc.record({ kind: fc.constant('byte' as const), at, value: fc.nat(255) }),
    fc.record({ kind: fc.constant('u64' as const), at, value }),
    fc.record({ kind: fc.constant('cut' as const), at }),
    fc.record({ kind: fc.constant('remove' as const), at, length }),
    fc.record({
      kind: fc.constant('insert' as const),
      at,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 32 }),
    }),
    fc.record({ kind: fc.constant('copy' as const), at, from: at, length }),
  )
  return fc.array(one, { minLength: 1, maxLength: 4 })
}

/** The damaged copy of a file. */
export function mutate(original: Uint8Array, applied: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(original)
  for (const mutation of applied) {
    const at = Math.min(mutation.at, bytes.length)
    switch (mutation.kind) {
      case 'flip':
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << mutation.bit)
        break
      case 'byte':
        if (at < bytes.length) bytes[at] = mutation.value
        break
      case 'u64':
        if (at + 8 <= bytes.length) bytes.writeBigUInt64LE(mutation.value, at)
        break
      case 'cut':
        bytes = bytes.subarray(0, at)
        break
      case 'remove':
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + mutation.length)])
        break
      case 'insert':
        bytes = Buffer.concat([bytes.subarray(0, at), mutation.bytes, bytes.subarray(at)])
        break
      case 'copy':
        bytes.copyWithin(at, mutation.from, mutation.from + mutation.length)
    }
  }
  return bytes
}
