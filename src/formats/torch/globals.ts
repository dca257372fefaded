import { unsupportedError } from '../format-error.js'
import {
  PickleDict,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
  type TorchDtype,
  TorchStorage,
  TorchTensor,
} from './values.js'

const storageTypes = new Map<string, TorchDtype>([
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.DoubleStorage', 'F64'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
])

/** Makes a value of a callable's arguments, undefined when they are not what torch.save writes. */
type Build = (args: readonly PickleValue[]) => PickleValue | undefined

const callables = new Map<string, Build>([
  ['collections.OrderedDict', (args) => (args.length === 0 ? new PickleDict() : undefined)],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', ([tensor]) => (tensor instanceof TorchTensor ? tensor : undefined)],
])

/**
 * The global of that name, when it is one that tensors need.
 * @throws OpenElmError E_UNSUPPORTED naming any other: loading it in Python could run code
 */
export function knownGlobal(name: string, label: string): PickleGlobal {
  if (callables.has(name) || storageTypes.has(name)) return new PickleGlobal(name)
  throw unsupportedError(
    label,
    `It holds the Python object ${JSON.stringify(name)}; only tensors, dicts, lists, text and numbers are read.`,
    'Save only the model, with torch.save(model.state_dict(), FILE).',
  )
}

/** What calling a global gives, undefined when it cannot be called so. */
export function callGlobal(callee: PickleValue, args: PickleValue): PickleValue | undefined {
  if (!(callee instanceof PickleGlobal && args instanceof PickleTuple)) return undefined
  return callables.get(callee.name)?.(args.items)
}

/** The storage of a persistent id ('storage', type, key, location, elements), undefined for any other id. */
export function storageOf(id: PickleValue): TorchStorage | undefined {
  if (!(id instanceof PickleTuple)) return undefined
  const [kind, type, key, , elements] = id.items
  if (kind !== 'storage' || !(type instanceof PickleGlobal) || typeof key !== 'string') return undefined
  const dtype = storageTypes.get(type.name)
  if (!dtype || !isCount(elements)) return undefined
  return new TorchStorage(dtype, key, elements)
}

function rebuildTensor([storage, offset, shape, strides]: readonly PickleValue[]): TorchTensor | undefined {
  if (!(storage instanceof TorchStorage) || !isCount(offset)) return undefined
  if (!(shape instanceof PickleTuple && strides instanceof PickleTuple)) return undefined
  const [sizes, steps] = [shape.items.filter(isCount), strides.items.filter(isCount)]
  if (sizes.length !== shape.items.length || steps.length !== sizes.length) return undefined
  if (steps.length !== strides.items.length) return undefined
  return new TorchTensor(storage, offset, sizes, steps)
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
