import { useCallback, useEffect, useState } from 'react'

/**
 * How the chat ends. One drawing without what is live comes first, so that it does not stay on the screen.
 * @param signal leaves as Ctrl-C does when it fires
 */
export function useLeave(onLeave: (exitCode: number) => void, signal: AbortSignal | undefined) {
  const [exitCode, setExitCode] = useState<number | undefined>(undefined)
  useEffect(() => {
    const interrupt = () => setExitCode(130)
    if (signal?.aborted) interrupt()
    signal?.addEventListener('abort', interrupt)
    return () => signal?.removeEventListener('abort', interrupt)
  }, [signal])
  useEffect(() => {
    if (exitCode === undefined) return
    const drawn = setImmediate(() => onLeave(exitCode))
    return () => clearImmediate(drawn)
  }, [onLeave, exitCode])
  const leave = useCallback((code: number) => setExitCode(code), [])
  return { leaving: exitCode !== undefined, leave }
}
