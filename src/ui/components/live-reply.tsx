import { Box, Text } from 'ink'
import type { Theme } from '../theme.js'

interface LiveReplyProps {
  /** The rows of the reply that are not finished. */
  readonly rows: readonly string[]
  readonly gap: boolean
  readonly theme: Theme
}

/** The end of the reply that is being written. */
export function LiveReply({ rows, gap, theme }: LiveReplyProps) {
  return (
    <Box flexDirection="column" marginTop={gap ? 1 : 0}>
      {rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
        <Text key={index} {...theme.reply} wrap="truncate">
          {row === '' ? ' ' : row}
        </Text>
      ))}
    </Box>
  )
}
