/** Compilers that check and build native/gpu/metal on a machine without Metal, and what they are told. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../support/files.js'

/** The stand-ins' folder. */
export const shim = 'test/native/gpu/metal-shim'
/** Where everything is built. */
export const folder = join(root, 'build/check/metal')

const answers = (command: string): boolean => spawnSync(command, ['--version']).status === 0
const clangs = ['clang++', ...[19, 18, 17, 16, 15, 14].map((version) => `clang++-${version}`)]

/** Clang, which knows address spaces and Objective-C; undefined where there is none. */
export const clang = clangs.find(answers)
export const cxx = process.env.CXX ?? 'c++'

/** Why the checks cannot run here, or false. */
export const missing =
  process.platform !== 'linux'
    ? 'the stand-ins for Metal are for Linux'
    : clang === undefined
      ? 'Clang is not installed (clang-14 in Debian)'
      : false

function flatten(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['native/gpu/metal/flatten.mjs', ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/** The Metal sources as one text, as the device compiles them. */
export const metalSource = (): string => flatten()

/** The path of a C++ file with the text. */
export function sourceAsCpp(): string {
  const path = join(folder, 'metal_source.cc')
  flatten(path)
  return path
}

/** Runs a compiler over a text or a file; what it says, and its whole output. */
export function compile(command: string, args: readonly string[], input?: string) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    input,
    maxBuffer: 2 ** 28,
  })
  if (error) throw error
  return { ok: status === 0, messages: stderr, output: stdout }
}

/** Attributes such as [[buffer(0)]] mean nothing to other compilers. */
const withoutAttributes = (source: string): string => source.replace(/\[\[\w+(\(\d+\))?\]\]/g, '')

const metal = (bf16: boolean): string[] => [
  '-D__METAL_VERSION__=310',
  `-DOPENELM_BF16_MATRICES=${bf16 ? 1 : 0}`,
  '-isystem',
  shim,
]
const ignored = ['unused-parameter', 'unused-const-variable', 'unknown-pragmas']
const strict = ['-Wall', '-Wextra', '-Werror', ...ignored.map((warning) => `-Wno-${warning}`)]

/**
 * Checks the text's types with address spaces, as "C++ for OpenCL": its __global, __local, __constant and __private obey
 * the rules of Metal's device, threadgroup, constant and thread. Where they differ, the text is told: const member functions
 * of bodies are called on what is in __private memory (in OpenCL, `this` may be anywhere), and arguments are copied out of __global
 * memory (only Metal copies structs out of constant memory). Returns what Clang says and what it lets pass but Metal does not.
 */
export function addressSpaceErrors(source: string, bf16: boolean): string[] {
  const text = withoutAttributes(source)
    .replace(/\bconstant ([\w:]+& given)/g, '__global const $1')
    .split(/^(?=#line )/m)
    .map((part) =>
      /^#line \d+ "gpu\/bodies/.test(part) ? part.replace(/\) const \{/g, ') const __private {') : part,
    )
    .join('')
  const args = [
    '-target',
    'spir64',
    '-x',
    'cl',
    '-cl-std=clc++2021',
    '-cl-no-stdinc',
    ...metal(bf16),
    ...strict,
  ]
  const { ok, messages, output } = compile(
    clang ?? '',
    [...args, '-fsyntax-only', '-fno-color-diagnostics', '-Xclang', '-ast-dump', '-'],
    text,
  )
  return ok ? accepted(output) : [messages]
}

/** What OpenCL accepts but Metal does not, found in the syntax tree. */
function accepted(tree: string): string[] {
  const lines = tree.split('\n')
  return lines.flatMap((line, i) => {
    const named = /(?:ParmVar|Var|Field)Decl .* (\w+) '([^']*__generic[^']*)'/.exec(line)
    // Parameters of copy constructors that the compiler adds have no name.
    if (named && named[1] !== 'used' && !/ implicit /.test(line))
      return [`${named[1]}, ${named[2]}, names no address space`]
    const variable = /\bVarDecl .* (\w+) '((?:const )?__global [^'*&]*)'/.exec(line)
    if (variable) return [`the variable ${variable[1]}, ${variable[2]}, is not constant`]
    const returned = /(?:Function|CXXMethod)Decl .* (\w+) '([^'(]*__generic[^'(]*[*&] ?)\(/.exec(line)
    if (returned && !/ implicit /.test(line))
      return [`${returned[1]} returns ${returned[2]}: no address space`]
    const object = /'(?:const )?(?:__global|__local|__constant)\b[^']*'/.exec(lines[i + 1] ?? '')
    if (
      object &&
      /<AddressSpaceConversion>/.test(line) &&
      /MemberExpr .*bound member/.test(lines[i - 1] ?? '')
    )
      return [`a member function is called on ${object[0]}: ${lines[i - 1]}`]
    const word = /\bLambdaExpr\b|'double'|'(?:unsigned )?long long'/.exec(line)
    return word && !line.includes('BuiltinType') ? [`Metal has no ${word[0]}: ${line}`] : []
  })
}

/** Checks that the text is C++14, by both compilers. */
export function cxx14Errors(source: string, bf16: boolean): string[] {
  const args = [
    '-std=c++14',
    '-pedantic-errors',
    ...metal(bf16),
    ...strict,
    '-fsyntax-only',
    '-x',
    'c++',
    '-',
  ]
  const text = withoutAttributes(source)
  return [cxx, clang ?? ''].flatMap((compiler) => {
    const { ok, messages } = compile(compiler, args, text)
    return ok ? [] : [messages]
  })
}

/** The folders of g++'s own headers and the system's, for Clang when it compiles for another system. */
function systemHeaders(): string[] {
  const { messages } = compile('g++', ['-E', '-v', '-x', 'c++', '-'], '')
  const list = /search starts here:\n([\s\S]*)End of search list/.exec(messages)?.[1] ?? ''
  const folders = list.split('\n').map((line) => line.trim())
  return folders
    .filter((path) => path.startsWith('/') && !/\/lib\/gcc\//.test(path))
    .flatMap((path) => ['-isystem', path])
}

/**
 * Checks Objective-C++ as for a Mac with macOS 12, against the stand-ins' declarations: types, ARC's rules, and that what
 * newer systems brought is asked for before it is used.
 */
export function hostErrors(source: string): string[] {
  const cpu = process.arch === 'arm64' ? 'arm64' : 'x86_64'
  const { ok, messages } = compile(
    clang ?? '',
    [
      ...[
        '-target',
        `${cpu}-apple-macosx12.0`,
        '-U__nonnull',
        '-D_GNU_SOURCE',
        '-nostdinc++',
        ...systemHeaders(),
      ],
      ...['-std=c++20', '-fobjc-arc', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra', '-Werror'],
      ...['-Wunguarded-availability', '-Inative', `-I${shim}`, '-fsyntax-only', '-x', 'objective-c++', '-'],
    ],
    source,
  )
  return ok ? [] : [messages]
}

/** Writes a file of the build folder. */
export function write(name: string, text: string): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** The text as C++ for this machine, and what compiles it into a library of entry points. */
export const entryPoints = (source: string, bf16: boolean, out: string): readonly string[] => [
  ...['-std=c++14', '-O1', '-g1', '-w', '-fPIC', '-shared', ...metal(bf16), '-o', out],
  write(bf16 ? 'bf16.cc' : 'f32.cc', withoutAttributes(source)),
]
