// Started by src/native/probe.ts in a process of its own: `probe-gpu.mjs ADDON BACKEND` loads a build of the addon and
// has the GPU compute a small model, which the CPU computes as well, without chains and with them. Sends to its parent
// {"passed": "without chains"} as soon as it knows, then {"devices": […]} or {"failure": "why"}. A driver that ends or
// stops this process hurts nobody else.

import { createRequire } from 'node:module'

const [path, backend] = process.argv.slice(2)
const MIB = 2 ** 20

/** Of weights, as ggml counts: Q8_0 and Q4_0, the types that chains multiply. */
const TYPES = [8, 2]

/** Two layers with grouped heads; widths as small as a kernel's blocks allow. */
const config = {
  dim: 256,
  headDim: 64,
  vocabSize: 512,
  heads: [4, 8],
  kvHeads: [1, 2],
  ffn: [256, 512],
  ropeBase: 10000,
  rmsEps: 1e-6,
}

/** What matrix units round, on a model whose weights are random. A wrong kernel is off by 1. */
const TOLERANCE = 0.05

/** Tokens behind the prompt: the first is computed op by op, the second one's pass recorded, the third one's replayed. */
const DECODED = [7, 190, 33]

/**
 * The variable that has a backend decode any model by chains, as it does large ones (docs/gpu.md). Where it is set already
 * that is what will be used, and all that is tried.
 */
const CHAINS = { cuda: 'OPENELM_CUDA_CHAIN' }

/** So many that attention to them is shared out and merged. */
const PROMPT = Int32Array.from({ length: 100 }, (_, i) => (i * 37) % config.vocabSize)

/**
 * For each type of weights the logits of a prompt's last token and of those behind it: the kernels for many tokens and
 * those for few.
 */
async function logits(addon, options) {
  const rows = []
  for (const type of TYPES) {
    const model = new addon.Model(config, { synthetic: type }, options)
    const session = model.createSession(128, 'f16', 128)
    rows.push(await session.evaluate(PROMPT, 'last'))
    for (const token of DECODED) rows.push(await session.evaluate(Int32Array.of(token), 'last'))
    session.dispose()
    model.dispose()
  }
  return rows
}

/** ‖a - b‖ / ‖b‖, and Infinity for anything that is no number. */
function relativeError(a, b) {
  let [difference, norm] = [0, 0]
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2
    norm += b[i] ** 2
  }
  const error = Math.sqrt(difference / norm)
  return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY
}

async function probe() {
  const addon = createRequire(import.meta.url)(path)
  const { compiled, devices, failures } = addon.gpuDevices()
  if (!compiled.includes(backend)) throw new Error(`${path} was built without it`)
  const own = devices.filter((device) => device.backend === backend)
  if (own.length === 0) {
    throw new Error(failures.find((failure) => failure.backend === backend)?.message ?? 'no device was found')
  }
  const options = { threads: 1, isa: addon.cpu().best }
  const expected = await logits(addon, options)
  const check = async () => {
    const found = await logits(addon, { ...options, backend })
    const error = Math.max(...found.map((row, i) => relativeError(row, expected[i])))
    if (error <= TOLERANCE) return
    const free = `${Math.round(own[0].freeBytes / MIB)} MiB free`
    throw new Error(
      `${own[0].name} (${own[0].details}, ${free}) computes wrong results (error ${error.toPrecision(2)})`,
    )
  }
  await check()
  const chains = CHAINS[backend]
  if (chains !== undefined && process.env[chains] === undefined) {
    process.send?.({ passed: 'without chains' })
    process.env[chains] = '1'
    await check()
  }
  return { devices: own }
}

const report = await probe().catch((error) => ({
  failure: error instanceof Error ? error.message : String(error),
}))
process.send?.(report, () => process.exit(0))
