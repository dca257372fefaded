import type { ByteSource } from '../byte-source.js'
import { formatError, unsupportedError } from '../format-error.js'
import type { Checkpoint, CheckpointTensor } from '../safetensors/checkpoint.js'
import { readPickle } from './pickle.js'
import { PickleDict, type PickleValue, TorchTensor, torchDtypeBytes } from './values.js'
import { readStoredZip, type StoredEntry } from './zip.js'

/** A pickle describes the tensors; their elements are entries of their own. */
const pickleLimit = 16 * 2 ** 20
const dimensionLimit = 8
/** Under these, training programs keep the weights among what else they save. */
const stateKeys = ['model_state_dict', 'state_dict', 'model']

/**
 * Reads what torch.save wrote (PyTorch 1.6 or newer): the tensors of the state dict, or of the one under
 * "model_state_dict" or "state_dict", with their names as they are. Nothing of the file is executed, weights are not
 * read. Every range was checked to lie in its storage.
 * @param file path of the file
 * @throws OpenElmError E_FORMAT, E_UNSUPPORTED
 */
export function readTorch<Source extends ByteSource>(source: Source, file: string): Checkpoint<Source> {
  const entries = readStoredZip(source, file)
  const folder = archiveFolder(entries, file)
  checkByteOrder(source, entries.get(`${folder}byteorder`), file)
  const pickle = entries.get(`${folder}data.pkl`)
  if (!pickle || pickle.bytes > pickleLimit) throw formatError(file, 'Its data.pkl has an impossible size.')
  const state = stateDict(readPickle(source.read(pickle.offset, pickle.bytes), file), file)
  const tensors = new Map<string, CheckpointTensor<Source>>()
  for (const [key, value] of state.entries) {
    if (!(value instanceof TorchTensor)) continue
    const name = String(key)
    if (name.length === 0 || name.length > 512 || /[\p{Cc}\ufffd]/u.test(name)) {
      throw formatError(file, 'A tensor has a name that no tensor has.')
    }
    const entry = entries.get(`${folder}data/${value.storage.key}`)
    tensors.set(name, { name, ...placeOf(name, value, entry, file), source, file })
  }
  if (tensors.size === 0) throw formatError(file, 'It holds no tensors.', 'Save the state dict of a model.')
  return { files: [file], tensors }
}

/** All entries lie in one folder, named after the file. */
function archiveFolder(entries: ReadonlyMap<string, StoredEntry>, file: string): string {
  for (const name of entries.keys()) {
    const folder = /^([^/]+\/)data\.pkl$/.exec(name)?.[1]
    if (folder !== undefined) return folder
  }
  throw formatError(file, 'It is a zip archive without data.pkl, which torch.save would have put there.')
}

function checkByteOrder(source: ByteSource, entry: StoredEntry | undefined, file: string): void {
  if (!entry || entry.bytes > 16) return
  const order = Buffer.from(source.read(entry.offset, entry.bytes)).toString('latin1')
  if (order === 'big') {
    throw unsupportedError(file, 'It was saved in big-endian order.', 'Save it on a little-endian machine.')
  }
}

function stateDict(root: PickleValue, file: string): PickleDict {
  if (!(root instanceof PickleDict)) {
    throw formatError(file, 'It holds no dict of tensors.', 'Save the state dict of a model.')
  }
  for (const key of stateKeys) {
    const inner = root.entries.get(key)
    if (inner instanceof PickleDict) return inner
  }
  return root
}

/** Type, shape and range of a tensor, when all of it lies in its storage, row after row. */
function placeOf(name: string, tensor: TorchTensor, entry: StoredEntry | undefined, file: string) {
  const { storage, offset, shape, strides } = tensor
  const { dtype, elements } = storage
  const size = torchDtypeBytes[dtype]
  if (!entry || entry.bytes !== elements * size) {
    throw formatError(file, `Tensor ${name}: its storage of ${elements} elements (${dtype}) is not there.`)
  }
  const count = shape.reduce((product, dim) => product * dim, 1)
  if (shape.length > dimensionLimit || !Number.isSafeInteger(count) || offset + count > elements) {
    throw formatError(
      file,
      `Tensor ${name} of shape [${shape.join(', ')}] at ${offset} does not lie in its storage of ${elements} elements.`,
    )
  }
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    const dim = shape[i] ?? 0
    if (dim > 1 && strides[i] !== step) {
      throw unsupportedError(
        file,
        `Tensor ${name} is not contiguous: shape [${shape.join(', ')}], strides [${strides.join(', ')}].`,
        'Save it after tensor.contiguous().',
      )
    }
    step *= dim
  }
  return { dtype, shape, offset: entry.offset + offset * size, bytes: count * size }
}
