import { OpenElmError } from '../errors.js'
import type { BackendName, NativeBinding } from '../native/binding.js'
import { type GpuAddon, gpuAddons, loadGpuAddon, loadNative } from '../native/load.js'
import { abortedError } from './native-error.js'

/** What will compute a model, and the build of the addon that does it; all of a model's objects come from that one. */
export interface Backend {
  readonly addon: NativeBinding
  readonly name: BackendName
  /** Chosen, not asked for: the CPU may take its place. */
  readonly optional: boolean
  /** Whether a GPU may decode by chains (docs/gpu.md). */
  readonly chains: boolean
  /** Why no GPU was chosen, where one was to be expected, or a GPU decodes without chains: a line of text. */
  readonly fallback: string | undefined
}

export interface BackendWish {
  readonly backend: 'auto' | BackendName
  /** Undefined is all. */
  readonly gpuLayers: number | undefined
  readonly signal: AbortSignal | undefined
}

const TITLES: Readonly<Record<BackendName, string>> = {
  cpu: 'CPU',
  cuda: 'CUDA',
  metal: 'Metal',
  host: 'host',
}

/** A backend's name as its makers write it. */
export const backendTitle = (name: BackendName): string => TITLES[name]

/** The CPU, in place of a GPU where `why` says why. */
export function cpuBackend(why?: string): Backend {
  const fallback = why === undefined ? undefined : `No GPU is used. ${asSentence(why)}`
  return { addon: loadNative(), name: 'cpu', optional: false, chains: false, fallback }
}

/**
 * Finds what can do what is asked for. Without a build for a GPU here this costs nothing; with one it is tried in a child
 * process first (native/probe.ts).
 * @throws OpenElmError E_BACKEND for a backend that was asked for by name and does not work; E_ABORTED; E_NATIVE_LOAD
 */
export async function chooseBackend({ backend, gpuLayers, signal }: BackendWish): Promise<Backend> {
  if (backend === 'cpu' || gpuLayers === 0) return cpuBackend()
  if (backend === 'host') return hostBackend()
  if (backend !== 'auto') return namedBackend(backend, signal)
  const builds = gpuAddons()
  let why = gpuLayers === undefined ? undefined : 'There is no build of openelm for one here (docs/gpu.md).'
  for (const build of builds) {
    const found = await open(build, signal)
    if ('addon' in found) return { ...found, name: build.backend, optional: true }
    why = `The ${TITLES[build.backend]} build failed its trial: ${found.why}`
  }
  return cpuBackend(why)
}

async function namedBackend(name: GpuAddon['backend'], signal: AbortSignal | undefined): Promise<Backend> {
  const build = gpuAddons().find(({ backend }) => backend === name)
  if (!build) {
    throw new OpenElmError('E_BACKEND', `The backend ${name} cannot be used.`, {
      why: `There is no build of openelm with ${TITLES[name]} here.`,
      next:
        name === 'cuda'
          ? 'Make one with "npm run build:cuda" (docs/gpu.md), or use the backend cpu.'
          : 'It comes with openelm on macOS (docs/gpu.md); elsewhere use the backend cpu.',
    })
  }
  const found = await open(build, signal)
  if ('addon' in found) return { ...found, name, optional: false }
  throw new OpenElmError('E_BACKEND', `The backend ${name} cannot be used.`, {
    why: `Its trial in another process failed: ${asSentence(found.why)}`,
    next: 'docs/gpu.md says what it needs; the backend cpu runs everywhere.',
  })
}

/** The addon of a build that works, or why it does not. */
async function open(
  build: GpuAddon,
  signal: AbortSignal | undefined,
): Promise<Pick<Backend, 'addon' | 'chains' | 'fallback'> | { why: string }> {
  const { probe } = await import('../native/probe.js')
  const probed = await probe(build, { signal })
  if (signal?.aborted) throw abortedError(`Trying ${TITLES[build.backend]} was aborted.`, signal)
  if (!probed.works) return { why: probed.why }
  const { withoutChains } = probed
  const chains = withoutChains === undefined
  const fallback = chains
    ? undefined
    : `Large models decode slower, chains failed their trial (docs/gpu.md): ${asSentence(withoutChains)}`
  try {
    return { addon: loadGpuAddon(build), chains, fallback }
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) }
  }
}

function hostBackend(): Backend {
  const addon = loadNative()
  if (addon.gpuDevices().compiled.includes('host')) {
    return { addon, name: 'host', optional: false, chains: true, fallback: undefined }
  }
  throw new OpenElmError('E_BACKEND', 'The backend host cannot be used.', {
    why: 'Only builds for tests have it.',
    next: 'Name such a build with OPENELM_ADDON.',
  })
}

/** A reason as a sentence of its own, or at the end of one. */
const asSentence = (why: string): string => why.replace(/\.?$/, '.')
