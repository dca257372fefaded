import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { OpenElmError } from '../errors.js'
import { packageRoot as root } from '../package-root.js'
import type { NativeBinding } from './binding.js'

/** Where a build leaves the addon, in order: an explicit path, node-gyp's, cmake-js's. */
function candidates(): string[] {
  const named = process.env.OPENELM_ADDON
  if (named) return [named]
  return [
    `${root}build/Release/openelm.node`,
    `${root}build/Debug/openelm.node`,
    `${root}build/cmake/Release/openelm.node`,
  ]
}

let loaded: NativeBinding | undefined

/**
 * Loads the native addon, once a process (and once a worker thread).
 * @throws OpenElmError E_NATIVE_LOAD naming every candidate that was tried and why it failed.
 */
export function loadNative(): NativeBinding {
  if (loaded) return loaded
  const require = createRequire(import.meta.url)
  const failures: string[] = []
  for (const path of candidates()) {
    if (!existsSync(path)) {
      failures.push(`${path}: not built`)
      continue
    }
    try {
      loaded = require(path) as NativeBinding
      return loaded
    } catch (error) {
      failures.push(`${path}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new OpenElmError('E_NATIVE_LOAD', 'The native addon of openelm could not be loaded.', {
    why: failures.join('; '),
    next: `Build it with "npm rebuild openelm" (needs Python and a C++20 compiler: ${toolchainHint()}).`,
  })
}

function toolchainHint(): string {
  if (process.platform === 'darwin') return 'xcode-select --install'
  if (process.platform === 'win32') return 'Visual Studio Build Tools with the C++ workload'
  return 'for example apt install g++ make python3'
}
