/** What a pickle of tensors can hold. Everything else is refused before it exists. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleGlobal
  | PickleTuple
  | PickleList
  | PickleDict
  | TorchStorage
  | TorchTensor

/** A name of a Python module that was asked for and is known; nothing is imported. */
export class PickleGlobal {
  constructor(readonly name: string) {}
}

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

export class PickleList {
  readonly items: PickleValue[] = []
}

/** dict and OrderedDict. Keys that are not text are refused: no state has them in a place that matters. */
export class PickleDict {
  readonly entries = new Map<string | number, PickleValue>()
}

/** Element types, named as safetensors names them. */
export type TorchDtype = 'F32' | 'F16' | 'BF16' | 'F64' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL'

export const torchDtypeBytes: Readonly<Record<TorchDtype, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
}

/** A block of elements that tensors are views of: an entry data/KEY of the archive. */
export class TorchStorage {
  constructor(
    readonly dtype: TorchDtype,
    readonly key: string,
    readonly elements: number,
  ) {}
}

/** A view of a storage as it was written; nothing of it is checked yet. Offsets and strides count elements. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}
