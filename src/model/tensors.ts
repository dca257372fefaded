import { OpenElmError } from '../errors.js'
import type { ModelConfig } from './config.js'

/** A tensor every OpenELM has, under both its names. */
export interface TensorSpec {
  /** GGUF name. */
  readonly name: string
  readonly rows: number
  readonly cols: number
  /** Norm weights: one row, always f32 in GGUF. */
  readonly norm: boolean
  /** Hugging Face name, and the rows of that tensor which are this one (proj_1 holds gate, then up). */
  readonly hf: { readonly name: string; readonly firstRow: number; readonly totalRows: number }
}

/**
 * All tensors of a model, in the order they are used, which is the order files are written in.
 * Shapes are [rows, cols], row-major; a matrix maps cols inputs to rows outputs.
 */
export function tensorSpecs(config: ModelConfig): readonly TensorSpec[] {
  const { dim, headDim, vocabSize } = config
  const specs = [matrix('token_embd.weight', vocabSize, dim, 'transformer.token_embeddings.weight')]
  config.heads.forEach((heads, layer) => {
    const kvHeads = config.kvHeads[layer] ?? 0
    const ffn = config.ffn[layer] ?? 0
    const block = `blk.${layer}.`
    const hf = `transformer.layers.${layer}.`
    const proj1 = `${hf}ffn.proj_1.weight`
    specs.push(
      norm(`${block}attn_norm.weight`, dim, `${hf}attn_norm.weight`),
      matrix(`${block}attn_qkv.weight`, (heads + 2 * kvHeads) * headDim, dim, `${hf}attn.qkv_proj.weight`),
      norm(`${block}attn_q_norm.weight`, headDim, `${hf}attn.q_norm.weight`),
      norm(`${block}attn_k_norm.weight`, headDim, `${hf}attn.k_norm.weight`),
      matrix(`${block}attn_output.weight`, dim, heads * headDim, `${hf}attn.out_proj.weight`),
      norm(`${block}ffn_norm.weight`, dim, `${hf}ffn_norm.weight`),
      matrix(`${block}ffn_gate.weight`, ffn, dim, proj1, 0, 2 * ffn),
      matrix(`${block}ffn_up.weight`, ffn, dim, proj1, ffn, 2 * ffn),
      matrix(`${block}ffn_down.weight`, dim, ffn, `${hf}ffn.proj_2.weight`),
    )
  })
  specs.push(norm('output_norm.weight', dim, 'transformer.norm.weight'))
  return specs
}

function matrix(
  name: string,
  rows: number,
  cols: number,
  hfName: string,
  firstRow = 0,
  totalRows = rows,
): TensorSpec {
  return { name, rows, cols, norm: false, hf: { name: hfName, firstRow, totalRows } }
}

function norm(name: string, cols: number, hfName: string): TensorSpec {
  return { name, rows: 1, cols, norm: true, hf: { name: hfName, firstRow: 0, totalRows: 1 } }
}

/** A tensor as a file has it: shape with the contiguous dimension last. */
export interface FoundTensor {
  readonly name: string
  readonly shape: readonly number[]
}

/**
 * Checks that a file holds exactly the tensors of its config, each in its shape.
 * @param expected name and shape of every tensor
 * @param label what messages call the file
 * @throws OpenElmError E_CONFIG naming the first tensor that is missing, of another shape, or unknown
 */
export function checkTensors(
  expected: ReadonlyMap<string, readonly [rows: number, cols: number]>,
  found: Iterable<FoundTensor>,
  label: string,
): void {
  const missing = new Set(expected.keys())
  for (const { name, shape } of found) {
    const wanted = expected.get(name)
    if (!wanted) throw mismatch(label, `It has a tensor ${name} that OpenELM models do not have.`)
    const [rows, cols] = wanted
    const wantedShape = shape.length === 1 && rows === 1 ? [cols] : [rows, cols]
    if (shape.length !== wantedShape.length || shape.some((dim, i) => dim !== wantedShape[i])) {
      throw mismatch(
        label,
        `Tensor ${name} has the shape [${shape.join(', ')}]; the config asks for [${wantedShape.join(', ')}].`,
      )
    }
    missing.delete(name)
  }
  const [first] = missing
  if (first !== undefined) throw mismatch(label, `The tensor ${first} is missing.`)
}

function mismatch(label: string, why: string): OpenElmError {
  return new OpenElmError('E_CONFIG', `The tensors of ${label} do not fit its config.`, {
    why,
    next: 'Check that it is an OpenELM model and that all of its files belong together.',
  })
}

/** Shapes by GGUF name. */
export function ggufShapes(config: ModelConfig): ReadonlyMap<string, readonly [number, number]> {
  return new Map(tensorSpecs(config).map(({ name, rows, cols }) => [name, [rows, cols] as const]))
}

/** Shapes by Hugging Face name. */
export function hfShapes(config: ModelConfig): ReadonlyMap<string, readonly [number, number]> {
  return new Map(tensorSpecs(config).map(({ hf, cols }) => [hf.name, [hf.totalRows, cols] as const]))
}
