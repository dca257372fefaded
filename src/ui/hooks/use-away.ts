import { useStdin, useStdout } from 'ink'
import { useCallback, useEffect, useRef, useState } from 'react'
import { ENTER_TERMINAL, LEAVE_TERMINAL } from '../terminal-modes.js'

/** Milliseconds in which what is live is taken off the screen: several drawings of ink's. */
const CLEARED = 60

export interface Away {
  /** The terminal belongs to something else, or will in a moment: nothing live may be drawn. */
  readonly away: boolean
  /** Takes what is live off the screen, gives the terminal to a task, and takes it back when the task has ended. */
  readonly giveTo: (task: () => void | Promise<void>) => void
}

/** Lets something else have the terminal: an editor, or the shell the chat was started from. */
export function useAway(): Away {
  const { stdin } = useStdin()
  const { stdout, write } = useStdout()
  const [task, setTask] = useState<(() => void | Promise<void>) | undefined>(undefined)
  const claim = useCallback(
    (mine: boolean) => {
      stdin.setRawMode?.(mine)
      stdout.write(mine ? ENTER_TERMINAL : LEAVE_TERMINAL)
    },
    [stdin, stdout],
  )
  useEffect(() => {
    if (!task) return
    const timer = setTimeout(async () => {
      claim(false)
      try {
        await task()
      } finally {
        // Ink erases the row before when it draws again: not what the task has written there.
        stdout.write('\n')
        claim(true)
        setTask(undefined)
      }
    }, CLEARED)
    return () => clearTimeout(timer)
  }, [task, claim, stdout])

  const isAway = useRef(false)
  isAway.current = task !== undefined
  // Whoever stopped the process from outside has set the terminal's modes back.
  useEffect(() => {
    const resumed = () => {
      if (isAway.current) return
      claim(false)
      claim(true)
      write('')
    }
    process.on('SIGCONT', resumed)
    return () => {
      process.off('SIGCONT', resumed)
    }
  }, [claim, write])
  return { away: task !== undefined, giveTo: useCallback((next) => setTask(() => next), []) }
}
