import { either } from './gbnf.js'

/** Digits from a to b of the same length, such as 17 to 342 is not but 117 to 342 is. */
function sameLength(a: string, b: string): string {
  if (a === '') return '""'
  const [first = '', last = ''] = [a[0], b[0]]
  const rest = a.length - 1
  if (first === last)
    return rest === 0 ? digit(first, last) : `${digit(first, last)} ${sameLength(a.slice(1), b.slice(1))}`
  if (rest === 0) return digit(first, last)
  const [nines, zeros] = ['9'.repeat(rest), '0'.repeat(rest)]
  const parts: string[] = []
  let [from, to] = [Number(first), Number(last)]
  if (a.slice(1) !== zeros) {
    parts.push(`${digit(first, first)} ${sameLength(a.slice(1), nines)}`)
    from++
  }
  const end = b.slice(1) === nines ? undefined : `${digit(last, last)} ${sameLength(zeros, b.slice(1))}`
  if (end !== undefined) to--
  if (from <= to) parts.push(`${digit(String(from), String(to))} [0-9]{${rest}}`)
  if (end !== undefined) parts.push(end)
  return either(parts)
}

const digit = (from: string, to: string) => (from === to ? `"${from}"` : `[${from}-${to}]`)

/** Integers from a to b, 0 ≤ a ≤ b, without leading zeros. */
export function naturals(a: bigint, b: bigint): string {
  const parts: string[] = []
  for (let low = a; low <= b; ) {
    const length = String(low).length
    const largest = 10n ** BigInt(length) - 1n
    const high = largest < b ? largest : b
    parts.push(sameLength(String(low), String(high)))
    low = high + 1n
  }
  return either(parts)
}

/** Integers from a to b as GBNF; undefined when there is none. */
export function integers(a: bigint, b: bigint): string | undefined {
  if (a > b) return undefined
  const parts: string[] = []
  if (a < 0n) parts.push(`"-" ${naturals(b < 0n ? -b : 1n, -a)}`)
  if (b >= 0n) parts.push(naturals(a > 0n ? a : 0n, b))
  return either(parts)
}
