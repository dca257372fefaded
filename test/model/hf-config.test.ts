/** config.json: the published family, layer-wise scaling, lists that are given, and what is refused. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { kvCacheBytes, parameterCount } from '../../src/model/config.js'
import { configFromHf } from '../../src/model/hf-config.js'
import { makeDivisible, multipliersPerLayer } from '../../src/model/layer-wise-scaling.js'
import { type PresetName, presetConfig, presetNames } from '../../src/model/presets.js'
import { hfShapes, tensorSpecs } from '../../src/model/tensors.js'
import { errorOf } from '../support/errors.js'
import { root } from '../support/files.js'

/** From the model cards and the published config.json files: kv heads as runs, FFN widths, parameters. */
const published: Readonly<
  Record<
    PresetName,
    { kv: readonly (readonly [number, number])[]; ffn: readonly [number, number]; parameters: number }
  >
> = {
  '270M': {
    kv: [
      [3, 5],
      [4, 7],
      [5, 4],
    ],
    ffn: [768, 5120],
    parameters: 271527168,
  },
  '450M': {
    kv: [
      [3, 3],
      [4, 7],
      [5, 6],
      [6, 4],
    ],
    ffn: [768, 6144],
    parameters: 457179136,
  },
  '1.1B': {
    kv: [
      [4, 3],
      [5, 7],
      [6, 8],
      [7, 6],
      [8, 4],
    ],
    ffn: [1024, 8192],
    parameters: 1079891456,
  },
  '3B': {
    kv: [
      [3, 4],
      [4, 14],
      [5, 12],
      [6, 6],
    ],
    ffn: [1536, 12288],
    parameters: 3036647424,
  },
}

tap.test('layer-wise scaling gives the published models', async (t) => {
  t.same(presetNames, Object.keys(published))
  for (const name of presetNames) {
    const config = presetConfig(name)
    const { kv, ffn, parameters } = published[name]
    const kvHeads = kv.flatMap(([heads, layers]) => new Array<number>(layers).fill(heads))
    t.same(config.kvHeads, kvHeads, `${name}: kv heads`)
    t.same(
      config.heads,
      kvHeads.map((n) => 4 * n),
      `${name}: query heads`,
    )
    t.same([config.ffn[0], config.ffn.at(-1)], ffn, `${name}: FFN`)
    t.equal(parameterCount(config), parameters, `${name}: parameters`)
    const elements = tensorSpecs(config).reduce((sum, { rows, cols }) => sum + rows * cols, 0)
    t.equal(elements, parameters, `${name}: elements of all tensors`)
    t.equal(hfShapes(config).size, 8 * kvHeads.length + 2, `${name}: tensors of the checkpoint`)
  }
})

tap.test('multipliers', async (t) => {
  const listed = [
    0.5, 0.63, 0.76, 0.89, 1.02, 1.15, 1.28, 1.41, 1.54, 1.67, 1.8, 1.93, 2.06, 2.19, 2.31, 2.44,
  ]
  t.same(multipliersPerLayer([0.5, 4], 28).slice(0, 16), listed, "as in the 1.1B's config.json")
  t.same(multipliersPerLayer([0, 0.01], 3), [0, 0, 0.01], 'halves go to the even neighbour')
  t.same(multipliersPerLayer(2, 3), [2, 2, 2])
  t.same(multipliersPerLayer([1, 2, 3], 3), [1, 2, 3])
  t.same(multipliersPerLayer([0.5, 1], 1), [0.5])
  t.same(
    [1, 284, 384, 640, 1000].map((value) => makeDivisible(value, 256)),
    [256, 256, 512, 768, 1024],
  )
  t.equal(makeDivisible(300, 256), 512, 'rounding down to 256 would lose more than a tenth')
})

tap.test('lists that are given are taken', async (t) => {
  const json: unknown = JSON.parse(readFileSync(join(root, 'test/golden/lexicon/config.json'), 'utf8'))
  const config = configFromHf(json, 'config.json')
  t.same(config.heads, [4, 8, 8, 8, 8, 8, 8, 8])
  t.same(config.kvHeads, [1, 2, 2, 2, 2, 2, 2, 2])
  t.same(config.ffn, [128, 256, 384, 512, 640, 768, 896, 1024])
  t.equal(config.contextLength, 256)
  t.equal(parameterCount(config), 5821184)
  const heads = 15
  t.equal(kvCacheBytes(config, 'f32', 256), 2 * 32 * heads * 256 * 4)
  t.equal(kvCacheBytes(config, 'f16', 256), 2 * 32 * heads * 256 * 2)
  t.equal(kvCacheBytes(config, 'q8_0', 256), 2 * 34 * heads * 256)
  for (const key of ['num_query_heads', 'num_kv_heads']) {
    const derived = configFromHf({ ...(json as object), [key]: null }, 'config.json')
    t.equal(derived.heads.length, 8, `without ${key}`)
  }
})

tap.test('what cannot be run is refused by name', async (t) => {
  const base = { num_transformer_layers: 2, model_dim: 64, head_dim: 32 }
  t.same(configFromHf(base, 'c').heads, [2, 2], 'defaults')
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ model_dim: undefined }, /model_dim/],
    [{ model_dim: -1 }, /model_dim/],
    [{ model_dim: 1.5 }, /model_dim/],
    [{ num_transformer_layers: 1e9 }, /num_transformer_layers/],
    [{ head_dim: 24 }, /not a multiple of 16/],
    [{ activation_fn_name: 'gelu' }, /activation_fn_name/],
    [{ ffn_with_glu: false }, /ffn_with_glu/],
    [{ normalize_qk_projections: false }, /normalize_qk/],
    [{ model_type: 'llama' }, /model_type/],
    [{ num_query_heads: [2] }, /num_query_heads has 1 entries/],
    [{ num_query_heads: [2, 3], num_kv_heads: [1, 2] }, /3 query heads/],
    [{ num_kv_heads: [1] }, /kv heads for 1/],
    [{ ffn_multipliers: [1, 2, 3] }, /FFN widths for 3/],
    [{ qkv_multipliers: [] }, /qkv_multipliers/],
    [{ rope_freq_constant: 0 }, /rope_freq_constant/],
    [{ vocab_size: 2 ** 30 }, /vocabulary size/],
  ]
  for (const [change, why] of cases) {
    const error = errorOf(() => configFromHf({ ...base, ...change }, 'c'))
    t.equal(error.code, 'E_CONFIG', JSON.stringify(change))
    t.match(error.why, why)
    t.ok(error.next)
  }
  t.equal(errorOf(() => configFromHf(null, 'c')).code, 'E_CONFIG')
})
