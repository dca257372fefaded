import type { ModelConfig } from '../../../src/model/config.js'
import { blockElements } from './blocks.js'
import { Graph } from './graph.js'

/**
 * How products are computed. `nbits` and `exact`: MatMulNBits, weights in blocks of 32 with 8-bit activations (its fastest, and
 * what published models choose) or in f32; `int8`: DynamicQuantizeMatMul, a scale a row, which ONNX Runtime's own quantizer
 * makes.
 */
export type Arithmetic = 'nbits' | 'exact' | 'int8'

export interface GraphOptions {
  /** Of a weight. */
  readonly bits: 4 | 8
  readonly arithmetic: Arithmetic
}

/** Rows and columns of a matrix by GGUF name. */
export type Shapes = ReadonlyMap<string, readonly [rows: number, cols: number]>

const [batch, tokens, past, total] = [
  'batch_size',
  'sequence_length',
  'past_sequence_length',
  'total_sequence_length',
]

/**
 * OpenELM as an ONNX graph with the inputs and outputs that transformers.js gives and expects of a decoder, in ONNX Runtime's
 * fused operators. Initializers: NAME.quants and NAME.scales of each matrix, NAME of each vector (GGUF names, gate and up
 * apart), embedding.quants and embedding.scales (the embedding once more, for lookups), cos_cache and sin_cache.
 */
export function openelmGraph(config: ModelConfig, shapes: Shapes, options: GraphOptions): Graph {
  const graph = new Graph()
  const ids = graph.input('input_ids', 'int64', [batch, tokens])
  const mask = graph.input('attention_mask', 'int64', [batch, total])
  const kept = graph.input('num_logits_to_keep', 'int64', [])
  const norm = { epsilon: config.rmsEps, axis: -1n }

  const matmul = (x: string, name: string): string => {
    const [rows = 0, cols = 0] = shapes.get(name) ?? []
    if (options.arithmetic === 'int8')
      return graph.node('ms:DynamicQuantizeMatMul', [x, `${name}.quants`, `${name}.scales`])
    return graph.node('ms:MatMulNBits', [x, `${name}.quants`, `${name}.scales`], {
      K: BigInt(cols),
      N: BigInt(rows),
      bits: BigInt(options.bits),
      block_size: BigInt(blockElements),
      accuracy_level: options.arithmetic === 'exact' ? 0n : 4n,
    })
  }

  const axis = graph.constant('axis_1', [1], [1])
  const one = graph.constant('one', [1], [1])
  const oneScalar = graph.constant('one_scalar', [], [1])
  const end = graph.constant('end', [1], [2 ** 31 - 1])
  // 0 keeps a dimension, -1 is inferred.
  const apart = graph.constant('heads_apart', [4], [0, 0, -1, config.headDim])
  const joined = graph.constant('heads_joined', [3], [0, 0, -1])

  // Positions from the mask, as GroupQueryAttention wants them.
  const counts = graph.node('ReduceSum', [mask, axis], { keepdims: 0n })
  const lastPosition = graph.node('Cast', [graph.node('Sub', [counts, one])], { to: 6n })
  const length = graph.node('Gather', [graph.node('Shape', [mask]), oneScalar], { axis: 0n })
  const totalLength = graph.node('Cast', [length], { to: 6n })

  let residual = graph.node('ms:GatherBlockQuantized', ['embedding.quants', ids, 'embedding.scales'], {
    gather_axis: 0n,
    quantize_axis: 1n,
    block_size: BigInt(blockElements),
    bits: BigInt(options.bits),
  })
  let x = graph.node('SimplifiedLayerNormalization', [residual, 'blk.0.attn_norm.weight'], norm)

  /** residual += y; returns the norm of the sum. */
  const addAndNorm = (y: string, weight: string): string => {
    const [normed, sum] = [`${weight}.out`, `${weight}.sum`]
    graph.nodes('ms:SkipSimplifiedLayerNormalization', [residual, y, weight], [normed, '', '', sum], {
      epsilon: config.rmsEps,
    })
    residual = sum
    return normed
  }

  /** RMS norm of each head. */
  const headNorm = (y: string, weight: string): string => {
    const split = graph.node('Reshape', [y, apart])
    return graph.node('Reshape', [graph.node('SimplifiedLayerNormalization', [split, weight], norm), joined])
  }

  for (const [layer, heads] of config.heads.entries()) {
    const kvHeads = config.kvHeads[layer] ?? 0
    const block = `blk.${layer}.`
    const cache = [batch, kvHeads, past, config.headDim] as const
    const pastKey = graph.input(`past_key_values.${layer}.key`, 'float', cache)
    const pastValue = graph.input(`past_key_values.${layer}.value`, 'float', cache)
    const [q, k, v] = [`${block}q`, `${block}k`, `${block}v`]
    const widths = [heads, kvHeads, kvHeads].map((count) => count * config.headDim)
    const split = graph.constant(`${block}split`, [3], widths)
    graph.nodes('Split', [matmul(x, `${block}attn_qkv.weight`), split], [q, k, v], { axis: -1n })
    const present = [`present.${layer}.key`, `present.${layer}.value`] as const
    graph.nodes(
      'ms:GroupQueryAttention',
      [
        headNorm(q, `${block}attn_q_norm.weight`),
        headNorm(k, `${block}attn_k_norm.weight`),
        v,
        pastKey,
        pastValue,
        lastPosition,
        totalLength,
        'cos_cache',
        'sin_cache',
      ],
      [`${block}attn`, ...present],
      { num_heads: BigInt(heads), kv_num_heads: BigInt(kvHeads), do_rotary: 1n, rotary_interleaved: 0n },
    )
    for (const name of present) graph.output(name, 'float', [batch, kvHeads, total, config.headDim])
    x = addAndNorm(matmul(`${block}attn`, `${block}attn_output.weight`), `${block}ffn_norm.weight`)
    // x × sigmoid(alpha × x) is SiLU for alpha 1.
    const gate = graph.node('ms:QuickGelu', [matmul(x, `${block}ffn_gate.weight`)], { alpha: 1 })
    const hidden = graph.node('Mul', [gate, matmul(x, `${block}ffn_up.weight`)])
    const next = layer + 1 < config.heads.length ? `blk.${layer + 1}.attn_norm.weight` : 'output_norm.weight'
    x = addAndNorm(matmul(hidden, `${block}ffn_down.weight`), next)
  }
  // The last num_logits_to_keep tokens; all of them for 0.
  const first = graph.node('Reshape', [graph.node('Neg', [kept]), one])
  const last = graph.node('Slice', [x, first, end, axis])
  graph.nodes('Identity', [matmul(last, 'token_embd.weight')], ['logits'])
  graph.output('logits', 'float', [batch, 'num_logits', config.vocabSize])
  return graph
}

/** Rows of cosines or sines of the rotary embedding: [positions][headDim / 2]. */
export function rotaryTable(
  config: ModelConfig,
  positions: number,
  f: (angle: number) => number,
): Float32Array {
  const half = config.headDim / 2
  return Float32Array.from({ length: positions * half }, (_, index) =>
    f(Math.floor(index / half) * config.ropeBase ** (-(index % half) / half)),
  )
}
