import type { Space } from './chat-state.js'
import type { Size } from './hooks/use-size.js'

/** Rows of the input, and of an unfinished reply, that are shown at most. */
const MOST_INPUT_ROWS = 8
const MOST_LIVE_ROWS = 12

/** Rows for blanks and the status line, and one that stays free: what fills the screen cannot be redrawn in place. */
const OTHER_ROWS = 4

/** How the live part of the screen is shared out, so that it always fits. */
export function shareSpace({ width, height }: Size): Space & { readonly inputRows: number } {
  const rows = height - OTHER_ROWS
  const inputRows = Math.max(1, Math.min(MOST_INPUT_ROWS, rows >> 1))
  return { width, inputRows, maxLive: Math.max(1, Math.min(MOST_LIVE_ROWS, rows - inputRows)) }
}
