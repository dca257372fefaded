// The Metal sources as one text: every .metal file of this folder with what it includes. The device compiles it when it
// is opened, so that no build needs Xcode.
//
//   node native/gpu/metal/flatten.mjs           prints the text
//   node native/gpu/metal/flatten.mjs OUT.cc    writes C++ that defines it as openelm::gpu::metal::metal_source

import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const native = join(here, '../..')

/** A file with its own includes in place; behind a guard, as it may come again. Lines keep their name and number. */
function expand(path, within) {
  const name = relative(native, path).replaceAll('\\', '/')
  if (within.includes(name)) throw new Error(`${name} includes itself`)
  const guard = `OPENELM_${name.replaceAll(/\W/g, '_')}`
  const lines = readFileSync(path, 'utf8').split('\n')
  const text = lines.flatMap((line, i) => {
    if (/^\s*#\s*pragma\s+once\b/.test(line)) return ['']
    const include = /^\s*#\s*include\s+"([^"]+)"/.exec(line)
    if (!include) return [line]
    return [...expand(join(native, include[1]), [...within, name]), `#line ${i + 2} "${name}"`]
  })
  return [`#ifndef ${guard}`, `#define ${guard}`, `#line 1 "${name}"`, ...text, '#endif']
}

/** The whole text. */
export function metalSource() {
  const files = readdirSync(here)
    .filter((file) => file.endsWith('.metal'))
    .sort()
  const head = ['#include <metal_stdlib>', '#include <metal_simdgroup_matrix>', 'using namespace metal;']
  return `${[...head, ...files.flatMap((file) => expand(join(here, file), []))].join('\n')}\n`
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
  else {
    mkdirSync(dirname(out), { recursive: true })
    const temporary = `${out}.${process.pid}`
    writeFileSync(temporary, metalSourceAsCpp())
    renameSync(temporary, out)
  }
}
