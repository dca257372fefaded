import { Text } from 'ink'
import type { StyledRow } from '../text/styled.js'
import type { Part, Theme } from '../theme.js'

interface RowTextProps {
  readonly row: StyledRow
  /** How spans without a part of their own are written. */
  readonly part: Part
  readonly theme: Theme
}

/** One row of styled text. */
export function RowText({ row, part, theme }: RowTextProps) {
  if (row.length === 0) return <Text> </Text>
  return (
    <Text {...theme[part]} wrap="truncate">
      {row.map(({ text, part: own, bold, italic, strikethrough }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a span is its place
        <Text key={index} {...(own && theme[own])} {...(bold && { bold })} {...(italic && { italic })}>
          {strikethrough ? <Text strikethrough>{text}</Text> : text}
        </Text>
      ))}
    </Text>
  )
}
