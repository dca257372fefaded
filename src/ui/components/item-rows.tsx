import { Box } from 'ink'
import type { Item } from '../chat-state.js'
import type { Theme } from '../theme.js'
import { RowText } from './row-text.js'

/** A finished item: a question, a part of a reply, a notice. */
export function ItemRows({ item, theme }: { readonly item: Item; readonly theme: Theme }) {
  return (
    <Box flexDirection="column" marginTop={item.gap ? 1 : 0}>
      {item.rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows never change
        <RowText key={index} row={row} part={item.kind} theme={theme} />
      ))}
    </Box>
  )
}
