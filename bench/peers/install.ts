import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))

/** Packages with node-llama-cpp's prebuilt CPU binary, by platform. */
const binaries: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-x64': 'mac-x64',
  'darwin-arm64': 'mac-arm64-metal',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
}

/** The version of node-llama-cpp that bench/peers/package.json pins. */
export function peerVersion(): string {
  const manifest = JSON.parse(readFileSync(`${folder}package.json`, 'utf8')) as {
    dependencies: Record<string, string>
  }
  return manifest.dependencies['node-llama-cpp'] ?? ''
}

/**
 * Installs node-llama-cpp into bench/peers/node_modules unless it is there, without install scripts (they would compile
 * or download) and of its binaries only the one for this platform's processor.
 * @throws Error when npm cannot install it
 */
export function installPeers(): void {
  const binary = binaries[`${process.platform}-${process.arch}`]
  if (!binary) throw new Error(`node-llama-cpp has no binary for ${process.platform} ${process.arch}`)
  if (existsSync(`${folder}node_modules/@node-llama-cpp/${binary}`)) return
  const install = (...args: string[]): void => {
    const flags = ['--ignore-scripts', '--omit=optional', '--no-package-lock', '--no-audit', '--no-fund']
    execFileSync('npm', ['install', ...flags, ...args], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  install()
  install('--no-save', `@node-llama-cpp/${binary}@${peerVersion()}`)
  createRequire(`${folder}package.json`).resolve('node-llama-cpp')
}
