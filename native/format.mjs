// Runs clang-format over the C++ of the project, with the style of native/.clang-format.
//
//   node native/format.mjs           formats in place
//   node native/format.mjs --check   changes nothing and fails when a file would change
//
// Version 14 is the one whose output counts; others format some lines differently.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folders = ['native', 'test/native']
const style = `file:${join(root, 'native', '.clang-format')}`

const sources = folders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((path) => /\.(cc|h|cu|cuh|mm|metal)$/.test(path))
      .map((path) => join(folder, path)),
  )
  .sort()

/** The first clang-format that runs, version 14 preferred. */
function findFormatter() {
  for (const name of ['clang-format-14', 'clang-format']) {
    if (spawnSync(name, ['--version']).status === 0) return name
  }
  console.error('clang-format was not found.')
  console.error('It formats and checks the C++ sources; the tests and the build do not need it.')
  console.error('Install version 14, for example with "apt install clang-format-14".')
  process.exit(1)
}

if (sources.length === 0) throw new Error(`no C++ sources under ${folders.join(' or ')}`)
const check = process.argv.includes('--check')
const args = [`--style=${style}`, ...(check ? ['--dry-run', '--Werror'] : ['-i']), ...sources]
const { status } = spawnSync(findFormatter(), args, { cwd: root, stdio: 'inherit' })
if (status !== 0 && check) console.error('Run "npm run format" to format these files.')
process.exit(status ?? 1)
