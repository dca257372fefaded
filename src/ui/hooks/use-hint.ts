import { useCallback, useEffect, useRef, useState } from 'react'

/** A line that goes away by itself after `milliseconds`, or when it is cleared. */
export function useHint(milliseconds: number): {
  readonly hint: string | undefined
  readonly show: (text: string) => void
  readonly clear: () => void
} {
  const [hint, setHint] = useState<string | undefined>(undefined)
  const timer = useRef<NodeJS.Timeout | undefined>(undefined)
  const clear = useCallback(() => {
    clearTimeout(timer.current)
    setHint(undefined)
  }, [])
  const show = useCallback(
    (text: string) => {
      clearTimeout(timer.current)
      setHint(text)
      timer.current = setTimeout(() => setHint(undefined), milliseconds)
    },
    [milliseconds],
  )
  useEffect(() => () => clearTimeout(timer.current), [])
  return { hint, show, clear }
}
