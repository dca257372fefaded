// npm run build:man: writes the man page, made of the manual and the pages of `openelm COMMAND --help`, into dist/.

import { mkdirSync, writeFileSync } from 'node:fs'
import { manPage } from './src/cli/shell/man.ts'
import { version } from './src/cli/version.ts'

mkdirSync('dist/man', { recursive: true })
writeFileSync('dist/man/openelm.1', await manPage(version()))
