import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../lib/openelm.js'
import { llamaBinary, peerFolder } from './install.js'

/**
 * The builds of node-llama-cpp's CPU code that use no more than one of our variants: AVX2 and FMA; AVX-512 without AMX. It
 * loads the best of those that lie beside its addon and run on the processor.
 */
const builds = {
  avx2: ['haswell'],
  avx512: ['skylakex', 'cascadelake', 'icelake', 'cooperlake', 'zen4'],
} as const

export type Limit = keyof typeof builds
export const limits = Object.keys(builds) as readonly Limit[]

/** Links files rather than copying them where the file system can. */
function link(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}

function copyFolder(from: string, to: string, keep: (file: string) => boolean): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyFolder(source, target, keep)
    else if (keep(entry.name)) link(source, target)
  }
}

/**
 * A copy of node-llama-cpp, in build/, that has only the builds of its CPU code that fit the variant. Returns the module to
 * import.
 */
export function limitedLlama(limit: Limit): string {
  const folder = join(root, 'build/bench', `node-llama-cpp-${limit}`, 'node_modules')
  const entry = join(folder, 'node-llama-cpp/dist/index.js')
  if (existsSync(entry)) return entry
  const installed = join(peerFolder('llama'), 'node_modules')
  const fits = (file: string): boolean => {
    const [, build] = /ggml-cpu-(\w+)\.\w+$/.exec(file) ?? []
    return build === undefined || (builds[limit] as readonly string[]).includes(build)
  }
  copyFolder(join(installed, llamaBinary()), join(folder, llamaBinary()), fits)
  for (const name of readdirSync(installed)) {
    // Its other dependencies are found through links.
    if (!/^(\.|node-llama-cpp$|@node-llama-cpp$)/.test(name))
      symlinkSync(join(installed, name), join(folder, name), 'junction')
  }
  copyFolder(join(installed, 'node-llama-cpp'), join(folder, 'node-llama-cpp'), () => true)
  return entry
}
