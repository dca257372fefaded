// Cross-compiles the native check program for aarch64 and runs it under user-mode qemu, for the reference and the
// neon kernels.
//
//   node test/native/aarch64.mjs [--compiler COMMAND] [--sysroot FOLDER] [ARGUMENTS...]
//
// The arguments go to the program: --quick, --op NAME, --isa NAME (default: every variant). Needs Debian's
// g++-aarch64-linux-gnu and qemu-user. Emulation is slow: minutes for everything, so tests use --quick, which leaves
// out repetitions but no op, type or odd shape.

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

/** Runs a command; ends this script when it fails. Only the program writes to stdout, which is TAP. */
function must(command, args, stdout) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['inherit', stdout, 'inherit'] })
  if (error) console.error(`aarch64.mjs: cannot run ${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

const build = ['--arch', 'arm64', '--compiler', options.compiler, '--out', program]
must(process.execPath, ['test/native/build.mjs', ...build], 'ignore')
must('qemu-aarch64', ['-L', options.sysroot, program, ...passedOn], 'inherit')
