// The one list of what is compiled and how, for binding.gyp and CMakeLists.txt alike. The folders and per-ISA flags
// are in build.json; a kernel file belongs to the variant it is named after (kernels/<op>/<isa>.cc), every other .cc
// of kernels/ to the core.
//
//   node native/sources.mjs core            sources compiled without ISA flags
//   node native/sources.mjs addon           sources that include napi.h
//   node native/sources.mjs device cuda     sources of a GPU backend (cuda, metal), which no other list holds
//   node native/sources.mjs nvcc            flags of nvcc for device code; those of the host compiler are "flags"
//   node native/sources.mjs cuda_archs      architectures, as CMake names them
//   node native/sources.mjs variant avx2    sources of one variant
//   node native/sources.mjs variants x64    variants of an architecture, as Node names it, that have sources
//   node native/sources.mjs defines x64     OPENELM_HAVE_<ISA> for each of them
//   node native/sources.mjs flags [avx2]    compiler flags of all files, or those a variant adds (GCC and Clang)
//   node native/sources.mjs msvc [avx2]     the same for MSVC
//   node native/sources.mjs includes        include directories of the Node-API headers (CMake; node-gyp has its own)
//
// Prints one entry a line; paths are relative to the repository root.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const { resolve } = createRequire(import.meta.url)

/** build.json, parsed. */
export const build = JSON.parse(readFileSync(join(here, 'build.json'), 'utf8'))

const backendFolders = Object.values(build.devices)

/**
 * Paths of the sources under a folder of native/, relative to the repository root, sorted. Folders of GPU backends
 * within it are left out: they need compilers of their own.
 */
function sourcesUnder(folder, extension = /\.cc$/) {
  if (!existsSync(join(here, folder))) return []
  return readdirSync(join(here, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return backendFolders.includes(path) ? [] : sourcesUnder(path, extension)
      return extension.test(entry.name) ? [posix.join('native', path)] : []
    })
    .sort()
}

const isaOf = (path) => {
  const name = posix.basename(path, '.cc')
  return name in build.variants ? name : undefined
}

export const coreSources = () => [
  ...build.core.flatMap((folder) => sourcesUnder(folder)),
  ...sourcesUnder(build.kernels).filter((path) => isaOf(path) === undefined),
]
export const deviceSources = (name) => sourcesUnder(build.devices[name], /\.(cc|cu|mm)$/)
export const addonSources = () => build.addon.flatMap((folder) => sourcesUnder(folder))
function variant(isa) {
  if (!(isa in build.variants)) throw new Error(`build.json has no variant "${isa}"`)
  return build.variants[isa]
}

export function variantSources(isa) {
  variant(isa)
  return sourcesUnder(build.kernels).filter((path) => isaOf(path) === isa)
}

export const variantsOf = (arch) =>
  Object.keys(build.variants).filter((isa) => variant(isa).arch === arch && variantSources(isa).length > 0)

const lists = {
  core: coreSources,
  addon: addonSources,
  device: deviceSources,
  nvcc: () => build.nvcc,
  cuda_archs: () => build['cuda architectures'],
  variant: variantSources,
  variants: variantsOf,
  defines: (arch) => variantsOf(arch).map((isa) => `OPENELM_HAVE_${isa.toUpperCase()}`),
  flags: (isa) => (isa ? variant(isa).flags : [`-std=${build.standard}`, ...build.flags]),
  msvc: (isa) => (isa ? variant(isa).msvc : [`/std:${build.standard}`, ...build.msvc]),
  includes: () => [
    join(dirname(resolve('node-api-headers/package.json')), 'include'),
    dirname(resolve('node-addon-api/package.json')),
  ],
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , name, argument] = process.argv
  if (!(name in lists)) throw new Error(`unknown list "${name}"; one of ${Object.keys(lists).join(', ')}`)
  process.stdout.write(
    lists[name](argument)
      .map((entry) => `${entry}\n`)
      .join(''),
  )
}
