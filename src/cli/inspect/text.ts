import type { InspectedTensor, Inspection } from '../../model/inspection.js'
import { formatBytes, formatCount, formatTable } from '../format.js'
import { printable } from '../report-error.js'

/** An inspection as text for people. @param everyTensor list each tensor instead of its kind */
export function inspectionText(inspection: Inspection, everyTensor: boolean): string {
  const sections = [
    overview(inspection),
    layers(inspection),
    everyTensor ? tensorList(inspection) : tensorKinds(inspection),
    types(inspection),
    memory(inspection),
  ]
  return sections.filter((section) => section !== '').join('\n\n')
}

const titled = (title: string, body: string) => `${title}\n${body.replace(/^/gm, '  ')}`

function overview({ path, formatDetail, files, name, fileType, parameters, ...rest }: Inspection): string {
  const { config, problem, metadata } = rest
  const size = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const rows: [string, string | undefined][] = [
    ['file', path],
    ['format', formatDetail],
    ['size', formatBytes(size)],
    ['name', name],
    ['type', fileType],
    ['parameters', formatCount(parameters)],
    ['licence', textOf(metadata['general.license'])],
  ]
  if (config) {
    rows.push(
      ['layers', String(config.heads.length)],
      ['model dim', String(config.dim)],
      ['head dim', String(config.headDim)],
      ['vocabulary', formatCount(config.vocabSize)],
      ['context', `${formatCount(config.contextLength)} tokens`],
      ['rope base', String(config.ropeBase)],
      ['rms eps', String(Number(config.rmsEps.toPrecision(6)))],
    )
  }
  rows.push(['tokenizer', textOf(metadata['tokenizer.ggml.model'])])
  const template = textOf(metadata['tokenizer.chat_template'])
  if (template !== undefined) rows.push(['template', `${template.split('\n')[0]?.slice(0, 60)}…`])
  if (problem) rows.push(['not usable', problem.why ?? problem.message])
  const shown = rows.flatMap(([key, value]) => (value === undefined ? [] : [[key, printable(value)]]))
  return formatTable(shown)
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)

function layers({ layers }: Inspection): string {
  if (layers.length === 0) return ''
  const header = ['layer', 'heads', 'kv heads', 'ffn width', 'parameters']
  const rows = layers.map(({ layer, heads, kvHeads, ffn, parameters }) =>
    [layer, heads, kvHeads, ffn].map(String).concat(formatCount(parameters)),
  )
  return titled('Layers', formatTable([header, ...rows], [0, 1, 2, 3, 4]))
}

function tensorList({ tensors }: Inspection): string {
  const rows = tensors.map(({ name, type, shape, bytes, offset }) => [
    printable(name),
    type,
    shape.join(' × '),
    formatCount(bytes),
    formatCount(offset),
  ])
  return titled('Tensors', formatTable([['name', 'type', 'shape', 'bytes', 'offset'], ...rows], [3, 4]))
}

/** One row for the tensors that play the same part in different layers. */
function tensorKinds({ tensors }: Inspection): string {
  const kinds = new Map<string, InspectedTensor[]>()
  for (const tensor of tensors) {
    const key = `${tensor.name.replace(/\.\d+\./, '.N.')}\0${tensor.type}`
    const kind = kinds.get(key)
    if (kind) kind.push(tensor)
    else kinds.set(key, [tensor])
  }
  const rows = [...kinds].map(([key, kind]) => {
    const [name = '', type = ''] = key.split('\0')
    const bytes = kind.reduce((sum, tensor) => sum + tensor.bytes, 0)
    return [printable(name), String(kind.length), type, shapeRange(kind), formatBytes(bytes)]
  })
  return titled('Tensors', formatTable([['name', 'count', 'type', 'shape', 'size'], ...rows], [1, 4]))
}

function shapeRange(kind: readonly InspectedTensor[]): string {
  const dims = Math.max(...kind.map(({ shape }) => shape.length))
  return Array.from({ length: dims }, (_, i) => {
    const sizes = kind.map(({ shape }) => shape[i] ?? 1)
    const [least, most] = [Math.min(...sizes), Math.max(...sizes)]
    return least === most ? `${most}` : `${least}…${most}`
  }).join(' × ')
}

function types({ tensors }: Inspection): string {
  const sums = new Map<string, { count: number; bytes: number; elements: number }>()
  for (const { type, bytes, shape } of tensors) {
    const sum = sums.get(type) ?? { count: 0, bytes: 0, elements: 0 }
    const elements = shape.reduce((a, b) => a * b, 1)
    sums.set(type, {
      count: sum.count + 1,
      bytes: sum.bytes + bytes,
      elements: sum.elements + elements,
    })
  }
  const rows = [...sums].map(([type, { count, bytes, elements }]) => [
    type,
    String(count),
    ((8 * bytes) / elements).toFixed(2),
    formatBytes(bytes),
  ])
  return titled('Types', formatTable([['type', 'tensors', 'bits each', 'size'], ...rows], [1, 2, 3]))
}

function memory({ memory }: Inspection): string {
  if (!memory) return ''
  const kv = Object.entries(memory.kvBytes)
  const rows = kv.map(([type, bytes]) => [
    type,
    formatBytes(memory.weightBytes),
    formatBytes(bytes),
    formatBytes(memory.weightBytes + bytes),
  ])
  const title = `Memory with the whole context of ${formatCount(memory.contextLength)} tokens`
  return titled(title, formatTable([['kv cache', 'weights', 'cache', 'together'], ...rows], [1, 2, 3]))
}
