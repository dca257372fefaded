import { Box, Text } from 'ink'
import type { StyledRow } from '../text/styled.js'
import type { Theme } from '../theme.js'
import { RowText } from './row-text.js'

interface LiveReplyProps {
  /** The rows of the reply that are not finished. */
  readonly rows: readonly StyledRow[]
  readonly gap: boolean
  /** Shown as long as there are no rows. */
  readonly waiting: string
  readonly theme: Theme
}

/** The end of the reply that is being written. */
export function LiveReply({ rows, gap, waiting, theme }: LiveReplyProps) {
  return (
    <Box flexDirection="column" marginTop={gap ? 1 : 0}>
      {rows.length === 0 && waiting !== '' && (
        <Text {...theme.notice} wrap="truncate">
          {waiting}
        </Text>
      )}
      {rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
        <RowText key={index} row={row} part="reply" theme={theme} />
      ))}
    </Box>
  )
}
