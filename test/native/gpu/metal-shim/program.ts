/** Builds metal_check, the checks of GPU ops with the Metal device in it, on stand-ins for Metal. */
import { execFile } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { filesUnder, root } from '../../../support/files.js'
import { clang, cxx, entryPoints, folder, metalSource, shim, sourceAsCpp } from './tools.js'

const program = join(folder, 'metal_check')

const sources = {
  cc: [
    ...filesUnder('native/quant', /\.cc$/),
    ...filesUnder('test/native/gpu', /^check_.*\.cc$/),
    ...[
      'test/native/tap.cc',
      'test/native/weights.cc',
      'test/native/gpu/metal_check.cc',
      `${shim}/groups.cc`,
    ],
  ],
  mm: [...filesUnder('native/gpu/metal', /\.mm$/), `${shim}/foundation.mm`, `${shim}/objects.mm`],
}

const common = ['-std=c++20', '-g1', '-O1', '-fno-exceptions', '-fno-rtti', '-Inative', '-Itest/native', '-c']
/** Without ARC, which the GNU runtime lacks: nothing is freed. */
const gnu = ['-fobjc-runtime=gcc', '-fconstant-string-class=NSConstantString', `-I${shim}`]

const timeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
const newest = (paths: readonly string[]): number =>
  Math.max(...paths.map((path) => timeOf(join(root, path))))

interface Step {
  out: string
  compiler: string
  args: readonly string[]
}

const run = promisify(execFile)

/** Runs compilers, two at a time, unless what they make is newer than everything there is to read. */
async function make(steps: readonly Step[], inputs: number): Promise<void> {
  const waiting = steps.filter(({ out }) => timeOf(out) <= inputs).values()
  const work = async (): Promise<void> => {
    for (const { compiler, args } of waiting) await run(compiler, [...args], { cwd: root })
  }
  await Promise.all([work(), work()])
}

/** The path of the program; what is up to date is kept. */
export async function buildProgram(): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const read = /\.(h|cc|mm|metal|mjs|ts)$|metal_\w+$/
  const inputs = newest([
    ...['native/gpu', 'native/quant', 'native/runtime', 'test/native/gpu'].flatMap((path) =>
      filesUnder(path, read),
    ),
    ...filesUnder('test/native', /^\w+\.(h|cc)$/),
  ])
  const objectOf = (path: string): string => join(folder, `${path.replace(/\W/g, '_')}.o`)
  const objects = [
    ...[...sources.cc, sourceAsCpp()].map((path) => ({ path, compiler: cxx, flags: common })),
    ...sources.mm.map((path) => ({ path, compiler: clang ?? '', flags: [...gnu, ...common] })),
  ].map(({ path, compiler, flags }) => ({
    out: objectOf(path),
    compiler,
    args: [...flags, path, '-o', objectOf(path)],
  }))
  const libraries = [true, false].map((bf16) => {
    const out = `${program}.${bf16 ? 'bf16' : 'f32'}.so`
    return { out, compiler: cxx, args: entryPoints(metalSource(), bf16, out) }
  })
  await make([...libraries, ...objects], inputs)
  const link = ['-rdynamic', ...objects.map(({ out }) => out), '-lobjc', '-ldl', '-o', program]
  await make([{ out: program, compiler: clang ?? '', args: link }], inputs)
  return program
}
