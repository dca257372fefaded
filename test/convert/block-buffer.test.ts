import tap from 'tap'
import { BlockBuffer } from '../../src/convert/block-buffer.js'

const block = 4 * 2 ** 20

/** A buffer that writes into `file`, and the position and length of each write. */
function bufferOf(size: number) {
  const file = new Uint8Array(size)
  const writes: [position: number, length: number][] = []
  const buffer = new BlockBuffer(async (bytes, position) => {
    writes.push([position, bytes.length])
    file.set(bytes, position)
  })
  return { buffer, file, writes }
}

const pattern = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) & 255)

tap.test('pieces of any size become whole blocks, what is left at the end', async (t) => {
  const sizes = [1, 1000, block - 3, 2 * block + 5, 0, 70_000]
  const expected = Buffer.concat(sizes.map(pattern))
  const { buffer, file, writes } = bufferOf(expected.length)
  let position = 0
  for (const [i, size] of sizes.entries()) {
    await buffer.add(pattern(size, i), position)
    position += size
  }
  const whole = Math.floor(expected.length / block)
  t.strictSame(
    writes,
    Array.from({ length: whole }, (_, i) => [i * block, block]),
  )
  await buffer.flush()
  await buffer.flush()
  t.strictSame(writes.slice(whole), [[whole * block, expected.length % block]])
  t.ok(Buffer.from(file).equals(expected), 'every byte is where it belongs')
})

tap.test('blocks are aligned in the file wherever it goes on', async (t) => {
  const { buffer, file, writes } = bufferOf(3 * block)
  await buffer.add(pattern(2 * block, 1), 100)
  await buffer.flush()
  t.strictSame(writes, [
    [100, block - 100],
    [block, block],
    [2 * block, 100],
  ])
  t.ok(Buffer.from(file.subarray(100, 100 + 2 * block)).equals(pattern(2 * block, 1)))
})

tap.test('another position writes what there is first; what is forgotten is not written', async (t) => {
  const { buffer, file, writes } = bufferOf(1000)
  await buffer.add(pattern(10, 1), 0)
  await buffer.add(pattern(10, 2), 500)
  t.strictSame(writes, [[0, 10]])
  buffer.clear()
  await buffer.add(pattern(5, 3), 0)
  await buffer.flush()
  t.strictSame(writes.slice(1), [[0, 5]])
  t.ok(file.subarray(500).every((byte) => byte === 0))
})

tap.test('a failed write is reported to who adds, and not repeated', async (t) => {
  let calls = 0
  const buffer = new BlockBuffer(async () => {
    calls++
    throw new Error('disk full')
  })
  await buffer.add(new Uint8Array(10), 0)
  await t.rejects(buffer.flush(), /disk full/)
  await buffer.flush()
  t.equal(calls, 1)
})
