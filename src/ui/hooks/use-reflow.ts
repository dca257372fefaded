import { useStdout } from 'ink'
import { useEffect, useRef } from 'react'
import { afterReflow, makeRoom, reflows } from '../terminal-modes.js'

/** What is live on the screen, as far as it matters where the cursor is when the screen changes its size. */
export interface LiveShape {
  /** Columns of each row above the one with the cursor; undefined where the screen may show something newer. */
  readonly above: readonly number[] | undefined
  /** Column of the cursor. */
  readonly column: number
  /** Rows from the one with the cursor on. */
  readonly below: number
}

/**
 * Keeps ink from erasing too little or too much when the screen gets smaller: most terminals break rows that have become
 * too long into several, and those below the cursor may go altogether, none of which ink knows.
 */
export function useReflow(shape: LiveShape | undefined): void {
  const { stdout } = useStdout()
  const drawn = useRef(shape)
  const width = useRef(stdout.columns)
  useEffect(() => {
    drawn.current = shape
  })
  useEffect(() => {
    const resized = () => {
      const narrower = stdout.columns < width.current
      width.current = stdout.columns
      if (!drawn.current) return
      const { above, column, below } = drawn.current
      const broken = above && narrower && reflows(process.env)
      stdout.write(broken ? afterReflow(above, column, below, stdout.columns) : makeRoom(below))
    }
    // Before ink's own listener, which erases.
    stdout.prependListener('resize', resized)
    return () => {
      stdout.off('resize', resized)
    }
  }, [stdout])
}
