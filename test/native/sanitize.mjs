// Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer and runs tests on it.
//
//   node test/native/sanitize.mjs [TAP FILE] [TEST…]
//
// Without tests: those that feed the addon hostile files, random text and the golden data. The build is CMake's, in
// build/asan. A memory error stops the test process at once. Leaks are looked for as well, but only those with the
// addon among the innermost frames count: Node.js itself frees little at exit.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const folder = join(root, 'build/asan')
const reports = join(folder, 'reports')
const defaultTests = ['test/formats', 'test/tokenizer', 'test/sampler', 'test/logits', 'test/engine', 'test/convert', 'test/model']

/** Runs a command in the root with its output shown; its failure ends this script. */
function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (error) throw error
  return status ?? 1
}

function build() {
  const launcher =
    spawnSync('ccache', ['--version']).status === 0 ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : []
  const configure = ['-S', 'native', '-B', folder, '-DOPENELM_SANITIZE=address,undefined', ...launcher]
  if (run('cmake', configure) !== 0) process.exit(1)
  if (run('cmake', ['--build', folder, '--parallel', `${availableParallelism()}`]) !== 0) process.exit(1)
}

/** The text of every report that says something about this project. */
function findings() {
  return readdirSync(reports)
    .map((name) => readFileSync(join(reports, name), 'utf8'))
    .flatMap((text) => {
      if (!text.includes('LeakSanitizer')) return [text]
      return text.split(/\n\n/).filter((leak) => /leak of/.test(leak) && leak.includes('openelm.node'))
    })
}

build()
rmSync(reports, { recursive: true, force: true })
mkdirSync(reports, { recursive: true })

const [output, ...tests] = process.argv.slice(2)
const library = execFileSync(process.env.CXX ?? 'c++', ['-print-file-name=libasan.so'], {
  encoding: 'utf8',
}).trim()
const settings = {
  OPENELM_ADDON: join(folder, 'openelm.node'),
  LD_PRELOAD: library,
  ASAN_OPTIONS: `log_path=${reports}/asan:abort_on_error=0:detect_leaks=1:malloc_context_size=12`,
  LSAN_OPTIONS: 'exitcode=0',
  UBSAN_OPTIONS: `log_path=${reports}/ubsan:print_stacktrace=1`,
}
const status = run(process.execPath, [
  join(root, 'node_modules/tap/dist/esm/run.mjs'),
  '--reporter=tap',
  ...(output ? [`--output-file=${output}`] : []),
  ...Object.entries(settings).map(([name, value]) => `--test-env=${name}=${value}`),
  ...(tests.length > 0 ? tests : defaultTests),
])
const found = findings()
for (const text of found) console.error(text)
if (found.length > 0) console.error(`sanitize.mjs: ${found.length} findings`)
process.exit(found.length > 0 ? 1 : status)
