// Compiles a native check program without node-gyp, from the same list of sources and flags.
//
//   node test/native/build.mjs [options]     prints the path of the program
//     --program NAME        kernel_check (default); host_check: the GPU kernels' bodies on a device of threads;
//                           emulated_check, chain_check: what only CUDA has, emulated
//     --out PATH            default build/check/NAME
//     --sanitize LIST       address,undefined or thread
//     --compiler COMMAND    default $CXX or c++
//     --variants LIST       default: those of --arch that have sources
//     --arch ARCH           default: this machine's (x64, arm64)
//     --emulate LIST        avx512 or amx, or both: their instructions as in test/native/emulation
//     --cflags "FLAGS"      further flags, such as those of an emulation
//     --run [ARGUMENTS...]  runs it with the arguments that follow
//
// Objects are kept under build/check/, one folder a set of flags, and made again when a source or a header it
// includes is newer. ccache is used when it is installed.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, coreSources, deviceSources, variantSources, variantsOf } from '../../native/sources.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const runAt = process.argv.indexOf('--run')
const { values: options } = parseArgs({
  args: process.argv.slice(2, runAt < 0 ? undefined : runAt),
  options: {
    program: { type: 'string', default: 'kernel_check' },
    out: { type: 'string' },
    sanitize: { type: 'string' },
    compiler: { type: 'string', default: process.env.CXX ?? 'c++' },
    variants: { type: 'string' },
    arch: { type: 'string', default: process.arch },
    emulate: { type: 'string', default: '' },
    cflags: { type: 'string', default: '' },
  },
})

/** What the programs are made of: folders of the core, its own sources, whether it has the ISA variants. */
const programs = {
  kernel_check: {
    // The kernels and what they stand on; the model and the runtime have tests of their own.
    folders: ['native/quant/', 'native/cpu/', 'native/kernels/'],
    devices: [],
    tests: testSources('test/native'),
    variants: true,
  },
  host_check: {
    folders: ['native/quant/'],
    devices: deviceSources('host'),
    tests: [
      ...testSources('test/native/gpu', /^(check_\w+|host_check)\.cc$/),
      ...testSources('test/native', /^(tap|weights)\.cc$/),
    ],
    variants: false,
  },
  emulated_check: {
    folders: ['native/quant/'],
    devices: [],
    tests: testSources('test/native/gpu', /^emulated_\w+\.cc$/),
    variants: false,
  },
  chain_check: {
    folders: ['native/quant/'],
    devices: deviceSources('host'),
    tests: [
      ...testSources('test/native/gpu', /^(check_chain|chain_check)\.cc$/),
      ...testSources('test/native', /^(tap|weights)\.cc$/),
    ],
    variants: false,
  },
}
function testSources(folder, pattern = /\.cc$/) {
  return readdirSync(join(root, folder))
    .filter((name) => pattern.test(name))
    .map((name) => `${folder}/${name}`)
}
const words = (text) => text.split(/\s+/).filter(Boolean)

const program = programs[options.program]
if (!program)
  throw new Error(`unknown program "${options.program}"; one of ${Object.keys(programs).join(', ')}`)
const out = options.out ?? join(root, 'build/check', options.program)
const variants = program.variants ? (options.variants?.split(',') ?? variantsOf(options.arch)) : []
/** Variants whose instructions are emulated, on a processor with AVX2. */
const emulated = options.emulate.split(',').filter(Boolean)
/** The emulation's headers come before the compiler's; it passes 64-byte vectors about as GCC's AVX2 mode may. */
const emulation = [
  '-Itest/native/emulation',
  ...build.variants.avx2.flags,
  '-Wno-psabi',
  '-Wno-ignored-attributes',
]
const flagsOf = (isa) => (emulated.includes(isa) ? emulation : build.variants[isa].flags)

const common = [
  `-std=${build.standard}`,
  ...build.flags,
  '-g1',
  '-Inative',
  '-Itest/native',
  ...(emulated.length > 0 ? ['-DOPENELM_EMULATED'] : []),
  ...variants.map((isa) => `-DOPENELM_HAVE_${isa.toUpperCase()}`),
  // Unrolled kernels at -O3 with every access checked take a compiler minutes.
  ...(options.sanitize ? ['-O1', `-fsanitize=${options.sanitize}`, '-fno-sanitize-recover=all'] : []),
  ...words(options.cflags),
]
const sources = [
  ...[
    ...coreSources().filter((path) => program.folders.some((folder) => path.startsWith(folder))),
    ...program.devices,
    ...program.tests,
  ].map((path) => ({ path, flags: common })),
  ...variants.flatMap((isa) =>
    variantSources(isa).map((path) => ({
      path,
      flags: [...flagsOf(isa), ...common],
    })),
  ),
]

const compiler = words(options.compiler)
const launcher = spawnSync('ccache', ['--version']).status === 0 ? ['ccache', ...compiler] : compiler

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs
function isFresh(object) {
  const made = modified(object)
  const list = `${object}.d`
  if (made === undefined || modified(list) === undefined) return false
  const [, ...inputs] = words(readFileSync(list, 'utf8').replaceAll('\\\n', ' '))
  return inputs.every((input) => (modified(join(root, input)) ?? modified(input) ?? Infinity) < made)
}

function compile({ path, flags }) {
  const hash = createHash('sha1')
    .update([...compiler, ...flags].join(' '))
    .digest('hex')
  const object = join(root, 'build/check/objects', hash.slice(0, 12), path.replace(/\.cc$/, '.o'))
  if (isFresh(object)) return Promise.resolve(object)
  mkdirSync(dirname(object), { recursive: true })
  const args = [...launcher.slice(1), ...flags, '-MMD', '-MF', `${object}.d`, '-c', path, '-o', object]
  return new Promise((resolve, reject) => {
    const child = spawn(launcher[0], args, { cwd: root, stdio: 'inherit' })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(object) : reject(new Error(`cannot compile ${path}`))))
  })
}

const objects = new Array(sources.length)
let next = 0
async function worker() {
  while (next < sources.length) {
    const index = next++
    objects[index] = await compile(sources[index])
  }
}

try {
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 8) }, worker))
} catch (error) {
  console.error(`build.mjs: ${error.message}`)
  process.exit(1)
}
mkdirSync(dirname(out), { recursive: true })
const link = [...common, ...objects, '-o', out, '-pthread']
if (spawnSync(compiler[0], [...compiler.slice(1), ...link], { cwd: root, stdio: 'inherit' }).status !== 0)
  process.exit(1)
if (runAt < 0) console.log(out)
else process.exit(spawnSync(out, process.argv.slice(runAt + 1), { stdio: 'inherit' }).status ?? 1)
