/** The table of tensor types against the addon, which has its own from the C structs. */
import tap from 'tap'
import { ggmlType, ggmlTypeById, ggmlTypeName, ggmlTypes, rowBytes } from '../../src/formats/ggml-types.js'
import { loadNative } from '../../src/native/load.js'

tap.test('sizes of blocks are those of the addon', async (t) => {
  const addon = loadNative()
  const f32 = ggmlType('F32').id
  t.equal(ggmlTypes.length, 14)
  for (const { id, name, blockElements, blockBytes } of ggmlTypes) {
    const zeros = new Uint8Array(3 * blockBytes)
    t.equal(addon.convertRows(id, zeros, 3, blockElements, f32).length, 12 * blockElements, name)
    t.throws(() => addon.convertRows(id, zeros.subarray(1), 3, blockElements, f32), `${name}: a byte too few`)
    t.equal(ggmlTypeById(id)?.name, name)
  }
})

tap.test('rows are whole numbers of blocks', async (t) => {
  t.equal(rowBytes(ggmlType('Q4_K'), 512), 288)
  t.throws(() => rowBytes(ggmlType('Q8_0'), 48), RangeError)
  t.equal(ggmlTypeById(16), undefined)
  t.equal(ggmlTypeName(16), 'IQ2_XXS')
  t.equal(ggmlTypeName(1000), 'type 1000')
})
