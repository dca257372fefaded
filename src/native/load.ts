import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { OpenElmError } from '../errors.js'
import { packageRoot as root } from '../package-root.js'
import type { GpuDevice, NativeBinding } from './binding.js'

/** Where a build leaves the addon, in order: an explicit path, node-gyp's, cmake-js's. */
function candidates(): string[] {
  const named = process.env.OPENELM_ADDON
  if (named) return [resolve(named)]
  return [
    `${root}build/Release/openelm.node`,
    `${root}build/Debug/openelm.node`,
    `${root}build/cmake/Release/openelm.node`,
  ]
}

/** A build of the addon with a GPU backend; it has the CPU's kernels as well. */
export interface GpuAddon {
  readonly backend: Exclude<GpuDevice['backend'], 'host'>
  readonly path: string
}

/**
 * The builds with GPU backends that are here: CUDA's is one of its own (or what OPENELM_CUDA_ADDON names), so that the
 * ordinary addon needs no library of CUDA; Metal is part of the ordinary one on macOS. Who names an addon with
 * OPENELM_ADDON gets no other.
 */
export function gpuAddons(): GpuAddon[] {
  const named = process.env.OPENELM_CUDA_ADDON
  const own = process.env.OPENELM_ADDON ? undefined : `${root}build/cuda/Release/openelm.node`
  const cuda = [named ? resolve(named) : own].find((path) => path !== undefined && existsSync(path))
  const metal = process.platform === 'darwin' ? candidates().find((path) => existsSync(path)) : undefined
  return [
    ...(cuda === undefined ? [] : [{ backend: 'cuda' as const, path: cuda }]),
    ...(metal === undefined ? [] : [{ backend: 'metal' as const, path: metal }]),
  ]
}

const require = createRequire(import.meta.url)

let loaded: NativeBinding | undefined

/**
 * Loads the native addon, once a process (and once a worker thread).
 * @throws OpenElmError E_NATIVE_LOAD naming every candidate that was tried and why it failed.
 */
export function loadNative(): NativeBinding {
  if (loaded) return loaded
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

/**
 * Loads a build with a GPU backend, which may stand beside the ordinary one in a process; what one made must never be
 * given to the other. A driver can end the process here: probe.ts tries it in another one first.
 * @throws what the loader throws
 */
export function loadGpuAddon({ path }: GpuAddon): NativeBinding {
  return require(path) as NativeBinding
}

function toolchainHint(): string {
  if (process.platform === 'darwin') return 'xcode-select --install'
  if (process.platform === 'win32') return 'Visual Studio Build Tools with the C++ workload'
  return 'for example apt install g++ make python3'
}
