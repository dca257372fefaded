// The Metal sources as one text: every .metal file of this folder with what it includes. The device compiles it when it
// is opened, so that no build needs Xcode.
//
//   node native/gpu/metal/flatten.mjs           prints the text
//   node native/gpu/metal/flatten.mjs --inputs  prints the files it is made of, one a line, for builds
//   node native/gpu/metal/flatten.mjs OUT.cc    writes C++ that defines it as openelm::gpu::metal::metal_source

import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const native = join(here, '../..')

const inputs = new Set([fileURLToPath(import.meta.url)])

/** Whether Metal compiles the lines behind #if, #elif and so on; undefined where that is not clear. */
const forMetal = (directive, condition) =>
  condition.includes('__METAL_VERSION__') ? directive !== 'ifndef' && !condition.includes('!') : undefined

/** The same behind a directive that goes on from others, of which `taken` says whether one was compiled. */
function goOn(directive, condition, { taken }) {
  const here = taken ? false : directive === 'else' && taken === false ? true : forMetal(directive, condition)
  return { here, taken: taken || here }
}

/** The lines of a file with its own includes in place, each file once. Lines keep their name and number. */
function expand(path, seen) {
  const name = relative(native, path).replaceAll('\\', '/')
  if (seen.has(path)) return []
  seen.add(path)
  inputs.add(path)
  const conditions = []
  const text = readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, i) => {
      const [, directive, rest = ''] = /^\s*#\s*(\w+)\s*(.*)$/.exec(line) ?? []
      if (directive === 'pragma' && rest.startsWith('once')) return ['']
      if (directive === 'endif') conditions.pop()
      if (/^(if|ifdef|ifndef)$/.test(directive)) conditions.push(goOn(directive, rest, {}))
      if (directive === 'elif' || directive === 'else')
        conditions.push(goOn(directive, rest, conditions.pop()))
      const include = directive === 'include' && /^"([^"]+)"/.exec(rest)
      if (!include || conditions.some(({ here }) => here === false)) return [line]
      if (conditions.some(({ here }) => here === undefined))
        throw new Error(`${name}:${i + 1}: whether Metal includes this is not clear`)
      return [...expand(join(native, include[1]), seen), `#line ${i + 2} "${name}"`]
    })
  return [`#line 1 "${name}"`, ...text]
}

/** The whole text. */
export function metalSource() {
  const files = readdirSync(here)
    .filter((file) => file.endsWith('.metal'))
    .sort()
  const head = ['#include <metal_stdlib>', '#include <metal_simdgroup_matrix>', 'using namespace metal;']
  const seen = new Set()
  return `${[...head, ...files.flatMap((file) => expand(join(here, file), seen))].join('\n')}\n`
}

/** C++ that defines the text, in pieces of a length that every compiler takes. */
export function metalSourceAsCpp() {
  const lines = metalSource().split('\n')
  const pieces = []
  for (let i = 0; i < lines.length; i += 100)
    pieces.push(`R"metal(${lines.slice(i, i + 100).join('\n')}\n)metal"`)
  return [
    '// Made by native/gpu/metal/flatten.mjs.',
    'namespace openelm::gpu::metal {',
    'extern const char* const metal_source;',
    `const char* const metal_source =\n${pieces.join('\n')};`,
    '}  // namespace openelm::gpu::metal',
    '',
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = process.argv[2]
  if (out === undefined) process.stdout.write(metalSource())
  else if (out === '--inputs') {
    metalSource()
    for (const path of inputs) console.log(relative(join(native, '..'), path).replaceAll('\\', '/'))
  } else {
    mkdirSync(dirname(out), { recursive: true })
    const temporary = `${out}.${process.pid}`
    writeFileSync(temporary, metalSourceAsCpp())
    renameSync(temporary, out)
  }
}
