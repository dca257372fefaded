import { useStdout } from 'ink'
import { useEffect, useState } from 'react'

export interface Size {
  readonly width: number
  readonly height: number
}

/** Where the terminal does not say. */
const FALLBACK: Size = { width: 80, height: 24 }

/** Columns and rows of the terminal, also after it was resized. */
export function useSize(): Size {
  const { stdout } = useStdout()
  const measure = (): Size => ({
    width: stdout.columns || FALLBACK.width,
    height: stdout.rows || FALLBACK.height,
  })
  const [size, setSize] = useState(measure)
  useEffect(() => {
    const update = () => setSize(measure())
    stdout.on('resize', update)
    return () => {
      stdout.off('resize', update)
    }
  })
  return size
}
