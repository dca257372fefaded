/** Builds metal_check, the checks of GPU ops with the Metal device in it, on stand-ins for Metal. */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, root } from '../../../support/files.js'
import { clang, compile, cxx, entryPoints, folder, metalSource, shim, sourceAsCpp } from './tools.js'

const program = join(folder, 'metal_check')

const sources = {
  cc: [
    ...filesUnder('native/quant', /\.cc$/),
    ...filesUnder('test/native/gpu', /^check_.*\.cc$/),
    ...['test/native/tap.cc', 'test/native/weights.cc', 'test/native/gpu/metal_check.cc', `${shim}/groups.cc`],
  ],
  mm: [...filesUnder('native/gpu/metal', /\.mm$/), `${shim}/objects.mm`],
}

const common = ['-std=c++20', '-g1', '-O1', '-fno-exceptions', '-fno-rtti', '-Inative', '-Itest/native', '-c']
/** Without ARC, which the GNU runtime lacks: nothing is freed. */
const gnu = ['-fobjc-runtime=gcc', '-fconstant-string-class=NSConstantString', `-I${shim}`]

const timeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
const newest = (paths: readonly string[]): number => Math.max(...paths.map((path) => timeOf(join(root, path))))

/** Runs a compiler unless what it makes is newer than everything there is to read. */
function make(out: string, inputs: number, compiler: string, args: readonly string[]): string {
  if (timeOf(out) > inputs) return out
  const { ok, messages } = compile(compiler, args)
  if (!ok) throw new Error(`${compiler} ${args.join(' ')}\n${messages}`)
  return out
}

/** The path of the program; what is up to date is kept. */
export function buildProgram(): string {
  mkdirSync(folder, { recursive: true })
  const read = /\.(h|cc|mm|metal|mjs|ts)$|metal_\w+$/
  const inputs = newest([
    ...['native/gpu', 'native/quant', 'native/runtime', 'test/native/gpu'].flatMap((path) => filesUnder(path, read)),
    ...filesUnder('test/native', /^\w+\.(h|cc)$/),
  ])
  const objectOf = (path: string): string => join(folder, `${path.replace(/\W/g, '_')}.o`)
  const source = metalSource()
  const text = sourceAsCpp()
  const objects = [
    ...sources.cc.map((path) => make(objectOf(path), inputs, cxx, [...common, path, '-o', objectOf(path)])),
    ...sources.mm.map((path) => make(objectOf(path), inputs, clang ?? '', [...gnu, ...common, path, '-o', objectOf(path)])),
    make(objectOf(text), inputs, cxx, [...common, text, '-o', objectOf(text)]),
  ]
  for (const bf16 of [false, true]) {
    const out = `${program}.${bf16 ? 'bf16' : 'f32'}.so`
    make(out, inputs, cxx, entryPoints(source, bf16, out))
  }
  return make(program, inputs, clang ?? '', ['-rdynamic', ...objects, '-lobjc', '-ldl', '-o', program])
}
