/** ONNX element types used here (TensorProto.DataType). */
export const elementTypes = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const
export type ElementType = keyof typeof elementTypes

/** A dimension: a number, or the name of one that differs from call to call. */
export type Dimension = number | string

type AttributeValue = number | bigint | readonly number[]

/** A tensor whose bytes lie in the data file beside the model. */
export interface StoredTensor {
  readonly name: string
  readonly type: ElementType
  readonly dims: readonly number[]
  readonly offset: number
  readonly bytes: number
}

/**
 * Builds a description of an ONNX graph, node by node, for encode.mjs. Numbers are attributes of type float, bigints of
 * type int. Values are known by name.
 */
export class Graph {
  readonly #nodes: object[] = []
  readonly #inputs: object[] = []
  readonly #outputs: object[] = []
  readonly #constants: object[] = []
  #unnamed = 0

  input(name: string, type: ElementType, dims: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, type, dims))
    return name
  }

  output(name: string, type: ElementType, dims: readonly Dimension[]): void {
    this.#outputs.push(valueInfo(name, type, dims))
  }

  /** Adds small integers, stored in the model itself: shapes are inferred from them. No dims: a scalar. */
  constant(name: string, dims: readonly number[], values: readonly number[]): string {
    this.#constants.push({ name, dims, dataType: elementTypes.int64, int64Data: values })
    return name
  }

  /** Adds a node with one output and returns the output's name. Ops of com.microsoft start with "ms:". */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}) {
    const output = `${op.replace('ms:', '')}_${this.#unnamed++}`
    this.nodes(op, inputs, [output], attributes)
    return output
  }

  /** Adds a node with the outputs named; an empty name is an output that nothing uses. */
  nodes(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): void {
    this.#nodes.push({
      name: `node_${this.#nodes.length}`,
      opType: op.replace('ms:', ''),
      domain: op.startsWith('ms:') ? 'com.microsoft' : '',
      input: inputs,
      output: outputs,
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    })
  }

  /** The whole model; `dataFile` is the name of the file that the tensors lie in. */
  model(name: string, tensors: readonly StoredTensor[], dataFile: string): object {
    return {
      irVersion: 10,
      producerName: 'openelm bench',
      opsetImport: [
        { domain: '', version: 21 },
        { domain: 'com.microsoft', version: 1 },
      ],
      graph: {
        name,
        node: this.#nodes,
        input: this.#inputs,
        output: this.#outputs,
        initializer: [...this.#constants, ...tensors.map((tensor) => initializer(tensor, dataFile))],
      },
    }
  }
}

function valueInfo(name: string, type: ElementType, dims: readonly Dimension[]): object {
  const dim = dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }))
  return { name, type: { tensorType: { elemType: elementTypes[type], shape: { dim } } } }
}

function attribute(name: string, value: AttributeValue): object {
  if (typeof value === 'number') return { name, f: value, type: 1 }
  if (typeof value === 'bigint') return { name, i: Number(value), type: 2 }
  return { name, ints: value, type: 7 }
}

function initializer({ name, type, dims, offset, bytes }: StoredTensor, dataFile: string): object {
  const entries = { location: dataFile, offset: `${offset}`, length: `${bytes}` }
  return {
    name,
    dataType: elementTypes[type],
    dims,
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  }
}
