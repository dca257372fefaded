/** What the test of the pages does not run as it stands, each with its reason. Everything else is run. */

interface Entry {
  readonly command: RegExp
  readonly why: string
}

/** Commands that are not run. That `npm run NAME` names a script is checked all the same. */
export const NOT_RUN: readonly Entry[] = [
  {
    command: /^npm install( -g openelm| openelm)?( && npm (start|test))?$/,
    why: 'installs from the registry, and the second half starts a chat or these very tests; .ci/run does it in a fresh clone',
  },
  { command: /^npm rebuild openelm$/, why: 'compiles the engine for minutes; .ci/run does so' },
  {
    command: /^npm run [\w:]+( -- .*)?( && npm run [\w:]+)*$/,
    why: 'builds, checks or measures for minutes; .ci/run has the steps',
  },
  {
    command: /--backend (cpu,)?cuda\b/,
    why: 'needs an NVIDIA GPU; bench/gpu.sh is what runs there',
  },
  { command: /^bash \.ci\/run$/, why: 'is what runs this test' },
  { command: /^(sudo )?apt(-get)? install |^xcode-select --install$/, why: 'changes the machine' },
]

interface Shortened {
  readonly from: RegExp
  readonly to: string
  readonly why: string
}

/** Commands that are run with less to do. */
export const SHORTENED: readonly Shortened[] = [
  {
    from: /\bopenelm bench\b(?!.*--help)/,
    to: 'openelm bench -r 1 --no-warmup',
    why: 'a figure worth having takes several repetitions; a test only needs that they run',
  },
  {
    from: /\bopenelm (bench .*--synthetic 270M)(?: --type q8_0,q4_0)?$/,
    to: 'openelm $1 --type q4_0 -p 8 -n 2',
    why: 'prompts of 512 tokens and 128 tokens of text of a large model take a minute',
  },
]

export const notRun = (line: string): Entry | undefined => NOT_RUN.find(({ command }) => command.test(line))

export const shortened = (line: string): string =>
  SHORTENED.reduce((command, { from, to }) => command.replace(from, to), line)

/** Tools that some commands need besides openelm; without them a command is skipped. .ci/run installs them. */
export const TOOLS = ['curl', 'jq'] as const
