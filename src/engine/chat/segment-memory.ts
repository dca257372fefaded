/**
 * Ids of stretches of a rendered chat, by their text. A reply is kept with the ids the model chose, which need not be
 * the ones that encoding its text would give: so a later prompt with this reply matches the kv cache, also after the
 * conversation went to another branch and came back. Holds a limited number of ids; what was used longest ago goes first.
 */
export class SegmentMemory {
  readonly #limit: number
  readonly #segments = new Map<string, Int32Array>()
  #size = 0

  /** @param limit most ids held, all texts together */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** The ids of a text: those remembered, else those that `encode` gives, which are then remembered. */
  ids(text: string, encode: (text: string) => Int32Array): Int32Array {
    const ids = this.#segments.get(text) ?? encode(text)
    this.set(text, ids)
    return ids
  }

  set(text: string, ids: Int32Array): void {
    this.#delete(text)
    this.#segments.set(text, ids)
    this.#size += ids.length
    for (const oldest of this.#segments.keys()) {
      if (this.#size <= this.#limit) break
      this.#delete(oldest)
    }
  }

  #delete(text: string): void {
    this.#size -= this.#segments.get(text)?.length ?? 0
    this.#segments.delete(text)
  }
}
