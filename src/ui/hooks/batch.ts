export interface Batch {
  push(text: string): void
  /** Hands on now what has gathered. */
  flush(): void
}

/** Gathers text and hands it on at most once in `milliseconds`: a screen need not be drawn for every token. */
export function every(milliseconds: number, hand: (text: string) => void): Batch {
  let gathered = ''
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const text = gathered
    gathered = ''
    if (text !== '') hand(text)
  }
  return {
    push(text) {
      gathered += text
      timer ??= setTimeout(flush, milliseconds)
    },
    flush,
  }
}
