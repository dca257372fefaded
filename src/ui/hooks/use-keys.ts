import { useStdin } from 'ink'
import { useEffect, useRef } from 'react'
import { type Key, KeyDecoder } from '../input/keys.js'

/** Milliseconds after which a lone escape is the Escape key, not the beginning of another. */
const ESCAPE_WAIT = 40

/**
 * Calls `onKey` for every key, in order. Ink's own useInput cannot tell Backspace from Delete nor keys from a paste,
 * so this reads the terminal itself.
 */
export function useKeys(onKey: (key: Key) => void): void {
  const { stdin, setRawMode } = useStdin()
  const handler = useRef(onKey)
  handler.current = onKey
  useEffect(() => {
    const decoder = new KeyDecoder()
    let timer: NodeJS.Timeout | undefined
    const handle = (keys: readonly Key[]) => {
      for (const key of keys) handler.current(key)
    }
    const read = (chunk: string | Buffer) => {
      clearTimeout(timer)
      handle(decoder.push(chunk.toString()))
      if (decoder.waiting) timer = setTimeout(() => handle(decoder.flush()), ESCAPE_WAIT)
    }
    setRawMode(true)
    stdin.on('data', read)
    return () => {
      clearTimeout(timer)
      stdin.off('data', read)
      setRawMode(false)
    }
  }, [stdin, setRawMode])
}
