import { Text } from 'ink'
import type { Progress } from '../hooks/use-chat.js'
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

/** Model, speed and context used; what does not fit is left out, the model's name first. */
export function StatusLine({ modelName, progress, width, theme }: StatusLineProps) {
  const { used, size, rate } = progress
  const context = `${used}/${size}`
  const speed = rate === undefined ? '' : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} tok/s`
  const share = size > 0 ? Math.min(1, used / size) : 0
  const filled = Math.round(share * BAR_COLUMNS)
  const withBar = width >= 'context '.length + BAR_COLUMNS + 1 + context.length
  const fixed = withBar ? 'context '.length + BAR_COLUMNS + 1 + context.length : context.length
  const rest = [modelName, speed].filter((part) => part !== '')
  // The name shrinks before the speed goes.
  const room = width - fixed - SEPARATOR.length
  const speedWidth = speed === '' ? 0 : widthOf(speed) + SEPARATOR.length
  const name = truncate(modelName, room - speedWidth)
  const left =
    name.length > 1 ? [name, ...rest.slice(1)] : [truncate(speed, room)].filter((part) => part !== '')
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
      <Text {...theme.status}>{context}</Text>
    </Text>
  )
}
