// The one list of what is compiled, for binding.gyp and CMakeLists.txt alike.
// The folders and per-ISA flags are in build.json; a kernel file belongs to the variant it is named after
// (kernels/<op>/<isa>.cc), every other .cc of kernels/ to the core.
//
//   node native/sources.mjs core            sources compiled without ISA flags
//   node native/sources.mjs addon           sources that include napi.h
//   node native/sources.mjs variant avx2    sources of one variant
//   node native/sources.mjs defines x64     OPENELM_HAVE_<ISA> for the variants of an architecture that have sources
//   node native/sources.mjs flags avx2      its compiler flags (no name: the flags of all files)

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
export const build = JSON.parse(readFileSync(join(here, 'build.json'), 'utf8'))

/** Paths of the .cc files under a folder, relative to native/, sorted. */
function sourcesUnder(folder) {
  const entries = readdirSync(join(here, folder), { withFileTypes: true })
  return entries
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return sourcesUnder(path)
      return entry.name.endsWith('.cc') ? [path] : []
    })
    .sort()
}

const variantOf = (path) => {
  const name = path.slice(path.lastIndexOf('/') + 1, -'.cc'.length)
  return name in build.variants ? name : undefined
}

export const coreSources = () => [
  ...build.core.flatMap(sourcesUnder),
  ...sourcesUnder(build.kernels).filter((path) => variantOf(path) === undefined),
]
export const addonSources = () => build.addon.flatMap(sourcesUnder)
export const variantSources = (isa) =>
  sourcesUnder(build.kernels).filter((path) => variantOf(path) === isa)

export const variantDefines = (arch) =>
  Object.keys(build.variants)
    .filter((isa) => build.variants[isa].arch === arch && variantSources(isa).length > 0)
    .map((isa) => `OPENELM_HAVE_${isa.toUpperCase()}`)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , what, isa] = process.argv
  const lists = {
    core: () => coreSources().map((path) => `native/${path}`),
    addon: () => addonSources().map((path) => `native/${path}`),
    variant: () => variantSources(isa).map((path) => `native/${path}`),
    defines: () => variantDefines(isa),
    flags: () => (isa ? build.variants[isa].flags : build.flags),
    msvc: () => build.variants[isa].msvc,
  }
  const list = lists[what]
  if (!list) throw new Error(`unknown list "${what}"; one of ${Object.keys(lists).join(', ')}`)
  process.stdout.write(`${list().join('\n')}\n`)
}
