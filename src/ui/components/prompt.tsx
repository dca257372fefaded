import { Box, Text } from 'ink'
import { widthOf } from '../text/rows.js'
import type { Theme } from '../theme.js'

interface PromptProps {
  readonly mark: string
  readonly rows: readonly string[]
  /** Whether the first of `rows` is the first row of the input. */
  readonly fromStart: boolean
  /** Shown after the mark of an empty input. */
  readonly placeholder: string
  readonly theme: Theme
}

/** The input, row by row; the terminal's own cursor stands in it. */
export function Prompt({ mark, rows, fromStart, placeholder, theme }: PromptProps) {
  return (
    <Box flexDirection="column" marginTop={1}>
      {rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
        <Text key={index} wrap="truncate">
          <Text {...theme.prompt}>{index === 0 && fromStart ? mark : ' '.repeat(widthOf(mark))}</Text>
          {row}
          {index === 0 && <Text {...theme.notice}>{placeholder}</Text>}
        </Text>
      ))}
    </Box>
  )
}
