import { formatError, unsupportedError } from '../format-error.js'
import { callGlobal, knownGlobal, storageOf } from './globals.js'
import { PickleDict, PickleList, PickleTuple, type PickleValue } from './values.js'

/** Far above what checkpoints need: a state of a thousand tensors never has a hundred values waiting. */
const stackLimit = 2 ** 20
const markLimit = 256

/**
 * Reads a pickle as torch.save writes it (protocol 2, PEP 307) without running anything: a stack machine that knows the
 * opcodes for plain data and the few callables that tensors need.
 * @param label what messages call the file
 * @throws OpenElmError E_FORMAT for a damaged pickle, E_UNSUPPORTED for opcodes and globals that are not needed
 */
export function readPickle(bytes: Uint8Array, label: string): PickleValue {
  return new Unpickler(bytes, label).run()
}

class Unpickler {
  readonly #view: DataView
  readonly #label: string
  readonly #stack: PickleValue[] = []
  /** Lengths of the stack at the marks. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PickleValue>()
  #at = 0

  constructor(bytes: Uint8Array, label: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#label = label
  }

  run(): PickleValue {
    for (;;) {
      const start = this.#at
      const opcode = this.#u8()
      if (opcode === op.stop) return this.#pop()
      if (!this.#data(opcode) && !this.#container(opcode) && !this.#reference(opcode)) {
        throw unsupportedError(
          this.#label,
          `Its pickle has the opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${start}, which plain state does not need.`,
          'Save only the model, with torch.save(model.state_dict(), FILE).',
        )
      }
    }
  }

  /** Values that stand in the pickle itself. */
  #data(opcode: number): boolean {
    switch (opcode) {
      case op.proto:
        return this.#u8() === 2
      case op.none:
        return this.#push(null)
      case op.true:
        return this.#push(true)
      case op.false:
        return this.#push(false)
      case op.int8:
        return this.#push(this.#u8())
      case op.int16:
        return this.#push(this.#view.getUint16(this.#take(2), true))
      case op.int32:
        return this.#push(this.#view.getInt32(this.#take(4), true))
      case op.long:
        return this.#push(this.#long())
      case op.float:
        return this.#push(this.#view.getFloat64(this.#take(8), false))
      case op.text:
        return this.#push(this.#text(this.#u32()))
    }
    return false
  }

  /** Values made of others. */
  #container(opcode: number): boolean {
    switch (opcode) {
      case op.emptyTuple:
        return this.#push(new PickleTuple([]))
      case op.tuple1:
      case op.tuple2:
      case op.tuple3:
        return this.#push(new PickleTuple(this.#popMany(opcode - op.tuple1 + 1)))
      case op.tuple:
        return this.#push(new PickleTuple(this.#popToMark()))
      case op.emptyList:
        return this.#push(new PickleList())
      case op.append:
        return this.#extend(this.#popMany(1))
      case op.appends:
        return this.#extend(this.#popToMark())
      case op.emptyDict:
        return this.#push(new PickleDict())
      case op.setItem:
        return this.#setItems(this.#popMany(2))
      case op.setItems:
        return this.#setItems(this.#popToMark())
    }
    return false
  }

  /** Marks, memo, globals and what is made by calling them. */
  #reference(opcode: number): boolean {
    switch (opcode) {
      case op.mark:
        if (this.#marks.push(this.#stack.length) > markLimit) throw this.#damaged('nests too deep')
        return true
      case op.put8:
        return this.#put(this.#u8())
      case op.put32:
        return this.#put(this.#u32())
      case op.get8:
        return this.#get(this.#u8())
      case op.get32:
        return this.#get(this.#u32())
      case op.global: {
        const module = this.#line()
        return this.#push(knownGlobal(`${module}.${this.#line()}`, this.#label))
      }
      case op.persistentId: {
        const storage = storageOf(this.#pop())
        if (!storage) throw this.#damaged('refers to something else than a storage')
        return this.#push(storage)
      }
      case op.reduce: {
        const args = this.#pop()
        const made = callGlobal(this.#pop(), args)
        if (made === undefined) throw this.#damaged('makes an object of wrong arguments')
        return this.#push(made)
      }
      case op.build:
        // The attributes of a state_dict (its version numbers): not needed.
        this.#pop()
        if (!(this.#top() instanceof PickleDict)) throw this.#damaged('sets attributes of something else')
        return true
    }
    return false
  }

  #push(value: PickleValue): true {
    if (this.#stack.push(value) > stackLimit) throw this.#damaged('needs too much memory')
    return true
  }

  /** Values before the last mark are out of reach. */
  #pop(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0))
      throw this.#damaged('takes a value that is not there')
    return this.#stack.pop() ?? null
  }

  #top(): PickleValue {
    const value = this.#pop()
    this.#push(value)
    return value
  }

  #popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.#pop()).reverse()
  }

  #popToMark(): PickleValue[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw this.#damaged('takes values without a mark')
    return this.#stack.splice(mark)
  }

  #extend(items: readonly PickleValue[]): true {
    const list = this.#top()
    if (!(list instanceof PickleList)) throw this.#damaged('appends to something else than a list')
    for (const item of items) list.items.push(item)
    return true
  }

  #setItems(items: readonly PickleValue[]): true {
    const dict = this.#top()
    if (!(dict instanceof PickleDict) || items.length % 2 !== 0) throw this.#damaged('sets items of no dict')
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]
      if (typeof key !== 'string' && typeof key !== 'number') {
        throw this.#damaged('has a key that is neither text nor a number')
      }
      dict.entries.set(key, items[i + 1] ?? null)
    }
    return true
  }

  #put(index: number): true {
    this.#memo.set(index, this.#top())
    return true
  }

  #get(index: number): true {
    const value = this.#memo.get(index)
    if (value === undefined) throw this.#damaged(`recalls value ${index}, which it never had`)
    return this.#push(value)
  }

  #u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  #u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  /** Little-endian two's complement; numbers beyond 64 bits stand for nothing in a checkpoint. */
  #long(): number | bigint {
    const length = this.#u8()
    if (length > 8) throw this.#damaged(`has an integer of ${length} bytes`)
    const start = this.#take(length)
    let value = 0n
    for (let i = 0; i < length; i++) value |= BigInt(this.#view.getUint8(start + i)) << BigInt(8 * i)
    const signed = BigInt.asIntN(8 * length, value)
    const number = Number(signed)
    return Number.isSafeInteger(number) ? number : signed
  }

  #text(length: number): string {
    const start = this.#take(length)
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, length))
  }

  #line(): string {
    let end = this.#at
    while (end < this.#view.byteLength && this.#view.getUint8(end) !== 0x0a) end++
    const text = this.#text(Math.min(end - this.#at, 256))
    this.#take(1)
    return text
  }

  /** Start of the next `length` bytes. */
  #take(length: number): number {
    const start = this.#at
    if (length > this.#view.byteLength - start) throw this.#damaged('ends too early')
    this.#at = start + length
    return start
  }

  #damaged(how: string) {
    return formatError(this.#label, `Its pickle ${how} (byte ${this.#at}).`)
  }
}

/** The opcodes of protocol 2 that torch.save uses. */
const op = {
  mark: 0x28,
  emptyTuple: 0x29,
  stop: 0x2e,
  float: 0x47,
  int32: 0x4a,
  int8: 0x4b,
  int16: 0x4d,
  none: 0x4e,
  persistentId: 0x51,
  reduce: 0x52,
  text: 0x58,
  emptyList: 0x5d,
  append: 0x61,
  build: 0x62,
  global: 0x63,
  appends: 0x65,
  get8: 0x68,
  get32: 0x6a,
  put8: 0x71,
  put32: 0x72,
  setItem: 0x73,
  tuple: 0x74,
  setItems: 0x75,
  emptyDict: 0x7d,
  proto: 0x80,
  tuple1: 0x85,
  tuple2: 0x86,
  tuple3: 0x87,
  true: 0x88,
  false: 0x89,
  long: 0x8a,
} as const
