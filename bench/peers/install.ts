import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../lib/openelm.js'

/** Engines that openelm is measured against: the folder of each and the package that it is. */
const peers = {
  llama: 'node-llama-cpp',
  transformers: '@huggingface/transformers',
} as const

export type Peer = keyof typeof peers

/** Packages with node-llama-cpp's prebuilt CPU binary, by platform. */
const binaries: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-x64': 'mac-x64',
  'darwin-arm64': 'mac-arm64-metal',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
}

/** The folder that holds a peer's package.json, its node_modules and the script of its trials. */
export const peerFolder = (peer: Peer): string => join(root, 'bench/peers', peer)

/** The version that the peer's package.json pins. */
export function peerVersion(peer: Peer): string {
  const manifest = JSON.parse(readFileSync(join(peerFolder(peer), 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  return manifest.dependencies[peers[peer]] ?? ''
}

/**
 * The package with node-llama-cpp's binary for this platform's processor.
 * @throws Error where there is none
 */
export function llamaBinary(): string {
  const binary = binaries[`${process.platform}-${process.arch}`]
  if (!binary) throw new Error(`node-llama-cpp has no binary for ${process.platform} ${process.arch}`)
  return `@node-llama-cpp/${binary}`
}

/** Whether the package with node-llama-cpp's binary for a GPU is there. It is too large to be installed unasked. */
export const hasLlamaFor = (gpu: 'cuda' | 'metal'): boolean =>
  existsSync(
    join(peerFolder('llama'), 'node_modules', gpu === 'cuda' ? `${llamaBinary()}-cuda` : llamaBinary()),
  )

/**
 * Installs a peer into its folder unless it is there, without install scripts: they would compile or download, and the
 * binaries for processors are in packages. Of node-llama-cpp's only the one for this platform.
 * @throws Error when npm cannot install it
 */
export function installPeer(peer: Peer): void {
  const folder = peerFolder(peer)
  const installed = peer === 'llama' ? llamaBinary() : peers[peer]
  if (existsSync(join(folder, 'node_modules', installed))) return
  const install = (...args: string[]): void => {
    const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund']
    execFileSync('npm', ['install', ...flags, ...args], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  if (peer === 'llama') install('--omit=optional', '--no-save', `${installed}@${peerVersion(peer)}`)
  else install()
}
