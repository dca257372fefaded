import type { TextProps } from 'ink'

/** Parts of the interface that look different. */
export type Part = 'header' | 'question' | 'reply' | 'notice' | 'error' | 'prompt' | 'hint' | 'status' | 'bar'

/** How each part is written, as properties of ink's <Text>. */
export type Theme = Readonly<Record<Part, Pick<TextProps, 'color' | 'bold' | 'dimColor'>>>

const COLOR: Theme = {
  header: { dimColor: true },
  question: { color: 'cyan', bold: true },
  reply: {},
  notice: { dimColor: true },
  error: { color: 'red' },
  prompt: { color: 'cyan' },
  hint: { color: 'yellow' },
  status: { dimColor: true },
  bar: { color: 'green' },
}

/** Without colours, weight alone tells questions from replies. */
const PLAIN: Theme = {
  header: {},
  question: { bold: true },
  reply: {},
  notice: {},
  error: { bold: true },
  prompt: {},
  hint: { bold: true },
  status: {},
  bar: {},
}

/** The theme for an environment: no colours where NO_COLOR is set to anything (no-color.org). */
export function themeFor(env: Readonly<Record<string, string | undefined>>): Theme {
  return env.NO_COLOR ? PLAIN : COLOR
}
