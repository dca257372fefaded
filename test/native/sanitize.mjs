// Runs the native code under sanitizers.
//
//   node test/native/sanitize.mjs [kernels] [gpu] [engine] [addon] [--tap FOLDER]      default: all
//
// kernels   the kernel checks of every variant with AddressSanitizer and UndefinedBehaviorSanitizer
// gpu       the GPU kernels' bodies on a device of threads: with ThreadSanitizer, where a missing barrier is a data race,
//           and with AddressSanitizer and UndefinedBehaviorSanitizer
// engine    engine_check.cc, many threads on one model, with ThreadSanitizer
// addon     the addon with AddressSanitizer and UndefinedBehaviorSanitizer under the tests that feed it hostile files,
//           random text and golden data. A memory error stops the test process at once. Leaks count when the addon took
//           the memory: Node.js itself frees little at exit.
//
// --tap: where the TAP of each goes, as NAME.tap; it is printed otherwise. Builds are kept under build/.

import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const addonTests = [
  'test/formats',
  'test/tokenizer',
  'test/engine',
  'test/grammar',
  'test/server',
  'test/logits/lexicon.test.ts',
]
const { values: options, positionals } = parseArgs({
  options: { tap: { type: 'string' } },
  allowPositionals: true,
})

/** Runs a command in the root; resolves to its exit status. Its output goes to `file`, or is shown. */
function run(command, args, { env = {}, file } = {}) {
  const out = file ? openSync(file, 'w') : 'inherit'
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', out, 'inherit'],
    env: { ...process.env, ...env },
  })
  if (file) closeSync(out)
  if (error) throw error
  return status ?? 1
}

/** Where the TAP of a run goes. */
function tapFile(name) {
  if (!options.tap) return undefined
  mkdirSync(join(root, options.tap), { recursive: true })
  return join(root, options.tap, `${name}.tap`)
}

/** Builds a target with CMake and sanitizers. */
function build(folder, sanitizers, target) {
  const ccache = spawnSync('ccache', ['--version']).status === 0
  const launcher = ccache ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : []
  const configure = ['-S', 'native', '-B', folder, `-DOPENELM_SANITIZE=${sanitizers}`, ...launcher]
  const compile = ['--build', folder, '--target', target, '--parallel', `${availableParallelism()}`]
  const log = join(root, `${folder}.log`)
  for (const args of [configure, compile])
    if (run('cmake', args, { file: log }) !== 0) {
      console.error(readFileSync(log, 'utf8'))
      throw new Error(`${target} could not be built`)
    }
}

function kernels() {
  const program = 'build/check/kernel_check_asan'
  const args = ['--sanitize', 'address,undefined', '--out', program, '--run', '--quick']
  return run(process.execPath, ['test/native/build.mjs', ...args], { file: tapFile('kernels-asan') })
}

/** Groups of several teams of several threads, where races show; smaller ones for bounds. */
function gpu() {
  const check = (name, sanitizers, ...args) =>
    run(
      process.execPath,
      [
        ...['test/native/build.mjs', '--program', 'host_check', '--out', `build/check/host_check_${name}`],
        ...['--sanitize', sanitizers, '--run', '--quick', ...args],
      ],
      { env: { TSAN_OPTIONS: 'halt_on_error=1' }, file: tapFile(`gpu-${name}`) },
    )
  const races = check('tsan', 'thread', '--group', '2x4')
  const bounds = check('asan', 'address,undefined', '--group', '1x1', '--group', '2x2')
  return races || bounds
}

function engine() {
  build('build/tsan', 'thread', 'engine_check')
  const env = { TSAN_OPTIONS: 'halt_on_error=1' }
  return run(join(root, 'build/tsan/engine_check'), [], { env, file: tapFile('engine-tsan') })
}

/** The test files under a folder, or the file itself. */
function testFiles(path) {
  if (path.endsWith('.ts')) return [path]
  return readdirSync(join(root, path), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${path}/${name}`)
}

/** Leaks of memory the addon took itself. What Node-API took for it (the promise of a call in flight at exit) is Node's. */
const isOurs = (leak) =>
  /leak of/.test(leak) && /\bopenelm(::|\.node)/.test(leak) && !/ in napi_\w+ /.test(leak)

/** The text of every report that says something about this project. */
function findings(reports) {
  return readdirSync(reports)
    .map((name) => readFileSync(join(reports, name), 'utf8'))
    .flatMap((text) => (text.includes('LeakSanitizer') ? text.split('\n\n').filter(isOurs) : [text]))
}

function addon() {
  build('build/asan', 'address,undefined', 'openelm')
  const reports = join(root, 'build/asan/reports')
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports, { recursive: true })
  const compiler = process.env.CXX ?? 'c++'
  const settings = {
    OPENELM_ADDON: join(root, 'build/asan/openelm.node'),
    LD_PRELOAD: execFileSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim(),
    ASAN_OPTIONS: `log_path=${reports}/asan:detect_leaks=1:malloc_context_size=12`,
    LSAN_OPTIONS: 'exitcode=0',
    UBSAN_OPTIONS: `log_path=${reports}/ubsan:print_stacktrace=1`,
  }
  const testEnv = Object.entries(settings).map(([name, value]) => `--test-env=${name}=${value}`)
  const tap = join(root, 'node_modules/tap/dist/esm/run.mjs')
  const args = [tap, '--reporter=tap', ...testEnv, ...addonTests.flatMap(testFiles)]
  const status = run(process.execPath, args, { file: tapFile('addon-asan') })
  const found = findings(reports)
  for (const text of found) console.error(text)
  console.error(`addon under sanitizers: ${found.length} findings`)
  return found.length > 0 ? 1 : status
}

const suites = { kernels, gpu, engine, addon }
const chosen = positionals.length > 0 ? positionals : Object.keys(suites)
mkdirSync(join(root, 'build'), { recursive: true })
const failed = chosen.filter((name) => {
  if (!(name in suites)) throw new Error(`unknown suite "${name}"; one of ${Object.keys(suites).join(', ')}`)
  return suites[name]() !== 0
})
if (failed.length > 0) console.error(`failed under sanitizers: ${failed.join(', ')}`)
process.exit(failed.length > 0 ? 1 : 0)
