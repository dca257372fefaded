import type { TextProps } from 'ink'

/** Parts of the interface that look different. */
export type Part =
  | 'header'
  | 'question'
  | 'reply'
  | 'notice'
  | 'error'
  | 'prompt'
  | 'hint'
  | 'status'
  | 'bar'
  | 'heading'
  | 'code'
  | 'rule'
  | 'link'
  | 'url'
  | 'quote'
  | 'bullet'

/** How each part is written, as properties of ink's <Text>. */
export type Theme = Readonly<
  Record<Part, Pick<TextProps, 'color' | 'bold' | 'dimColor' | 'italic' | 'underline'>>
>

const DARK: Theme = {
  header: { dimColor: true },
  question: { color: 'cyan', bold: true },
  reply: {},
  notice: { dimColor: true },
  error: { color: 'red' },
  prompt: { color: 'cyan' },
  hint: { color: 'yellow' },
  status: { dimColor: true },
  bar: { color: 'green' },
  heading: { color: 'cyan', bold: true },
  code: { color: 'yellow' },
  rule: { dimColor: true },
  link: { color: 'blueBright', underline: true },
  url: { dimColor: true },
  quote: { italic: true },
  bullet: { color: 'cyan' },
}

/** Without the colours that are too pale on white. */
const LIGHT: Theme = {
  ...DARK,
  question: { color: 'blue', bold: true },
  prompt: { color: 'blue' },
  hint: { color: 'magenta' },
  heading: { color: 'blue', bold: true },
  code: { color: 'magenta' },
  link: { color: 'blue', underline: true },
  bullet: { color: 'blue' },
}

/** Without colours, weight alone tells questions from replies. */
const NONE: Theme = {
  header: {},
  question: { bold: true },
  reply: {},
  notice: {},
  error: { bold: true },
  prompt: {},
  hint: { bold: true },
  status: {},
  bar: {},
  heading: { bold: true },
  code: {},
  rule: {},
  link: { underline: true },
  url: {},
  quote: { italic: true },
  bullet: {},
}

export const THEMES = { dark: DARK, light: LIGHT, none: NONE } as const

export type ThemeName = keyof typeof THEMES

export const isThemeName = (name: string): name is ThemeName => Object.hasOwn(THEMES, name)

/**
 * The theme for an environment: `none` where NO_COLOR is set to anything (no-color.org) or the terminal is a dumb one,
 * else what OPENELM_THEME names, else `light` where COLORFGBG tells of a light background, else `dark`.
 */
export function themeFor(env: Readonly<Record<string, string | undefined>>): ThemeName {
  if (env.NO_COLOR || env.TERM === 'dumb') return 'none'
  if (env.OPENELM_THEME && isThemeName(env.OPENELM_THEME)) return env.OPENELM_THEME
  // "15;0" or "0;default;15": the last is the background; of 16 colours 7 and 9 to 15 are light.
  const background = env.COLORFGBG?.split(';').at(-1)
  return background !== undefined && /^(7|9|1[0-5])$/.test(background) ? 'light' : 'dark'
}
