/** GGUF to GGUF: metadata that is not understood is kept, the weights are those of a direct conversion. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { convertModel } from '../../src/convert/convert.js'
import { MemorySource } from '../../src/formats/byte-source.js'
import { readGguf } from '../../src/formats/gguf/reader.js'
import { type GgufValue, gguf } from '../../src/formats/gguf/values.js'
import { openGguf } from '../../src/model/open-gguf.js'
import { rejectionOf } from '../support/errors.js'
import { root } from '../support/files.js'
import { tinyGguf, tinyMetadata } from '../support/tiny-model.js'

tap.test('f16 in between changes nothing; q8_0 in between is said', async (t) => {
  const folder = t.testdir()
  const path = (name: string) => join(folder, `${name}.gguf`)
  const lexicon = join(root, 'test/golden/lexicon')
  await convertModel({ source: lexicon, output: path('f16'), type: 'f16' })
  await convertModel({ source: lexicon, output: path('q4_0'), type: 'q4_0' })
  const { notes } = await convertModel({ source: path('f16'), output: path('again'), type: 'q4_0' })
  t.ok(readFileSync(path('again')).equals(readFileSync(path('q4_0'))))
  t.same(notes, [])
  await convertModel({ source: path('q4_0'), output: path('same'), type: 'q4_0' })
  t.ok(readFileSync(path('same')).equals(readFileSync(path('q4_0'))), 'the same type is a copy')
  const down = await convertModel({ source: path('q4_0'), output: path('q8_0'), type: 'q8_0' })
  t.match(down.notes, [/quantized before \(Q4_0\)/])
  t.equal(openGguf(path('q8_0')).fileType, 'Q8_0')
})

tap.test('unknown metadata is kept in its order', async (t) => {
  const extra: [string, GgufValue][] = [
    ['my.note', gguf.string('kept')],
    ['my.list', { type: 'array', itemType: 'uint64', values: BigUint64Array.of(1n, 2n ** 63n) }],
  ]
  const folder = t.testdir()
  const source = join(folder, 'in.gguf')
  writeFileSync(source, tinyGguf([...extra, ...tinyMetadata]).bytes)
  const output = join(folder, 'out.gguf')
  await convertModel({ source, output, type: 'f16' })
  const read = (path: string) => readGguf(new MemorySource(readFileSync(path)), path)
  const [before, after] = [read(source).metadata, read(output).metadata]
  const keys = [...before].map(([key]) => key)
  t.same(
    [...after].map(([key]) => key),
    [...keys, 'general.quantization_version'],
  )
  for (const [key, value] of before) if (key !== 'general.file_type') t.same(after.get(key), value, key)
  t.equal(after.integer('general.file_type'), 1)
})

tap.test('a model onto itself is refused, by any name', async (t) => {
  const folder = t.testdir({ 'link.gguf': t.fixture('symlink', 'in.gguf') })
  const source = join(folder, 'in.gguf')
  writeFileSync(source, tinyGguf().bytes)
  for (const output of [source, join(folder, 'link.gguf'), join(folder, '.', 'in.gguf')]) {
    const error = await rejectionOf(convertModel({ source, output, type: 'q4_0', overwrite: true }))
    t.match(error, { code: 'E_FILE_WRITE', why: /onto itself/ })
  }
  t.ok(readFileSync(source).equals(tinyGguf().bytes))
})

tap.test('another model, a damaged file', async (t) => {
  const other = tinyMetadata.map(([key, value]) =>
    key === 'general.architecture' ? ([key, gguf.string('llama')] as const) : ([key, value] as const),
  )
  const folder = t.testdir({
    'other.gguf': tinyGguf(other).bytes,
    'cut.gguf': tinyGguf().bytes.subarray(0, 5000),
  })
  const attempt = (name: string) =>
    rejectionOf(convertModel({ source: join(folder, name), output: join(folder, 'out.gguf'), type: 'q4_0' }))
  t.match(await attempt('other.gguf'), { code: 'E_UNSUPPORTED', why: /"llama" architecture/ })
  t.match(await attempt('cut.gguf'), { code: 'E_FORMAT', why: /has only 5000 bytes/ })
})
