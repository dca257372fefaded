import { Text } from 'ink'
import type { Progress } from '../hooks/use-reply.js'
import { truncate, widthOf } from '../text/rows.js'
import type { Theme } from '../theme.js'

interface StatusLineProps {
  readonly modelName: string
  readonly progress: Progress
  readonly width: number
  readonly theme: Theme
}

const BAR_COLUMNS = 10
const SEPARATOR = ' · '
/** Columns below which the model's name says nothing any more. */
const SHORTEST_NAME = 3

const speedText = (rate: number) => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} tok/s`

const firstText = (seconds: number) =>
  `first ${seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`}`

/** Model, speed, time to the first token and context used; what does not fit goes, the context stays longest. */
export function StatusLine({ modelName, progress, width, theme }: StatusLineProps) {
  const { used, size, rate, first } = progress
  const context = `${used}/${size}`
  const withBar = width >= 'context '.length + BAR_COLUMNS + 1 + context.length
  const fixed = withBar ? 'context '.length + BAR_COLUMNS + 1 + context.length : widthOf(context)
  const left = fitting(
    modelName,
    rate === undefined ? '' : speedText(rate),
    first === undefined ? '' : firstText(first),
    width - fixed,
  )
  const filled = Math.round((size > 0 ? Math.min(1, used / size) : 0) * BAR_COLUMNS)
  return (
    <Text wrap="truncate">
      <Text {...theme.status}>
        {left.map((part) => part + SEPARATOR).join('')}
        {withBar ? 'context ' : ''}
      </Text>
      {withBar && (
        <>
          <Text {...theme.bar}>{'█'.repeat(filled)}</Text>
          <Text {...theme.status}>{'░'.repeat(BAR_COLUMNS - filled)} </Text>
        </>
      )}
      <Text {...theme.status}>{truncate(context, width)}</Text>
    </Text>
  )
}

/** The parts that fit into `room` columns: the name shrinks first, then goes, then the first token's time, the speed. */
function fitting(name: string, speed: string, first: string, room: number): string[] {
  const columns = (parts: readonly string[]) =>
    parts.reduce((sum, part) => sum + widthOf(part) + SEPARATOR.length, 0)
  for (const measured of [
    [speed, first],
    [speed, ''],
    ['', ''],
  ]) {
    const parts = measured.filter((part) => part !== '')
    const free = room - columns(parts)
    const shown = truncate(name, Math.max(0, free - SEPARATOR.length))
    if (widthOf(shown) >= Math.min(SHORTEST_NAME, widthOf(name))) return [shown, ...parts]
    if (free >= 0 && parts.length > 0) return parts
  }
  return []
}
