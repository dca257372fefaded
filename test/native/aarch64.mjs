// Cross-compiles the native check program for aarch64 and runs it under user-mode qemu, for the reference and the
// neon kernels.
//
//   node test/native/aarch64.mjs [--compiler COMMAND] [--sysroot FOLDER] [ARGUMENTS...]
//
// The arguments go to the program: --quick, --op NAME, --isa NAME (default: every variant). Before that, a Cortex-A72 is
// emulated, which has no dot products: there neon must not be taken. Needs Debian's g++-aarch64-linux-gnu and
// qemu-user. Emulation is slow (a minute and a half of processor time with --quick, several without); --quick leaves
// out repetitions but no op, type or odd size.

import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const program = join(root, 'build/check/aarch64/kernel_check')
const { values: options, tokens } = parseArgs({
  options: {
    compiler: { type: 'string', default: 'aarch64-linux-gnu-g++' },
    sysroot: { type: 'string', default: '/usr/aarch64-linux-gnu' },
    quick: { type: 'boolean', default: false },
    op: { type: 'string' },
    isa: { type: 'string' },
  },
  tokens: true,
})
const own = new Set(['compiler', 'sysroot'])
const passedOn = tokens.flatMap((token) =>
  token.kind !== 'option' || own.has(token.name)
    ? []
    : [token.rawName, ...(token.value === undefined ? [] : [token.value])],
)

/** Runs a command and returns its status and stdout; ends this script when it cannot be run. */
function run(command, args, stdout) {
  const { status, error, ...result } = spawnSync(command, args, {
    cwd: root,
    stdio: ['inherit', stdout, 'inherit'],
    encoding: 'utf8',
  })
  if (error) fail(`cannot run ${command}: ${error.message}`)
  return { status: status ?? 1, stdout: result.stdout }
}

function fail(message) {
  console.error(`aarch64.mjs: ${message}`)
  process.exit(1)
}

const buildOptions = ['--arch', 'arm64', '--compiler', options.compiler, '--out', program]
if (run(process.execPath, ['test/native/build.mjs', ...buildOptions], 'ignore').status !== 0)
  fail('the check program does not build')

const emulate = (cpu, args, stdout) =>
  run('qemu-aarch64', ['-cpu', cpu, '-L', options.sysroot, program, ...args], stdout)

const old = emulate('cortex-a72', ['--op', 'rope'], 'pipe')
if (old.status !== 0 || !old.stdout.includes('# neon: compiled in, but this processor does not run it'))
  fail(`a processor without dot products takes the neon kernels (status ${old.status}):\n${old.stdout}`)

process.exit(emulate('max', passedOn, 'inherit').status)
