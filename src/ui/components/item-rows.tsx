import { Box, Text } from 'ink'
import type { Item } from '../chat-state.js'
import type { Theme } from '../theme.js'

/** A finished item: a question, a part of a reply, a notice. */
export function ItemRows({ item, theme }: { readonly item: Item; readonly theme: Theme }) {
  return (
    <Box flexDirection="column" marginTop={item.gap ? 1 : 0}>
      {item.rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows never change
        <Text key={index} {...theme[item.kind]} wrap="truncate">
          {row === '' ? ' ' : row}
        </Text>
      ))}
    </Box>
  )
}
