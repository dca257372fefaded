// The recorded logits and texts of test/golden on a GPU, through the library in dist/ and the addon, for machines without
// the development dependencies that the tests need: node bench/gpu-golden.mjs [cuda|metal|host]. Prints TAP with the
// relative errors of logits; exits 1 when something differs.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Model } from '../dist/index.js'

const root = fileURLToPath(new URL('../', import.meta.url))
const golden = join(root, 'test/golden')
const backend = process.argv[2] ?? 'cuda'

/**
 * Relative errors allowed. Kernels for few tokens carry activations exactly, or in 15 bits to quantized weights; those for
 * many round them to bf16, which random weights amplify (on the CPU, AMX does the same and is off by up to 2.7e-2).
 */
const EXACT = 1e-4
const PLANES = 5e-3
const ROUNDED = 4e-2
/** Batches up to this long are computed by the kernels for few tokens. */
const FEW = 8

const bound = (type, batch) => (batch > FEW ? ROUNDED : type === 'f16' ? EXACT : PLANES)

let checks = 0
let failures = 0

function check(passes, label) {
  checks++
  if (!passes) failures++
  console.log(`${passes ? 'ok' : 'not ok'} ${checks} - ${label}`)
}

const json = (name) => JSON.parse(readFileSync(join(golden, name), 'utf8'))

/** Raw little-endian f32. */
function floats(name) {
  const bytes = readFileSync(join(golden, name))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

/** ‖a - b‖ / ‖b‖ over recorded rows; `rows` are indices into logits, `recorded` holds just those. */
function relativeError(logits, rows, recorded, vocab) {
  let [difference, norm] = [0, 0]
  rows.forEach((row, i) => {
    for (let k = 0; k < vocab; k++) {
      const expected = recorded[i * vocab + k]
      difference += (logits[row * vocab + k] - expected) ** 2
      norm += expected ** 2
    }
  })
  return Math.sqrt(difference / norm)
}

function argmax(logits, row, vocab) {
  const values = logits.subarray(row * vocab, (row + 1) * vocab)
  return values.indexOf(values.reduce((best, x) => Math.max(best, x)))
}

/** Logits of all ids, evaluated in pieces of the sizes given; the last size repeats. */
async function evaluate(model, ids, sizes, options = {}) {
  const session = model.createSession({ nCtx: 1024, kvType: 'f32', ...options })
  const logits = new Float32Array(ids.length * model.vocabSize)
  for (let done = 0, i = 0; done < ids.length; i++) {
    const piece = ids.slice(done, done + sizes[Math.min(i, sizes.length - 1)])
    logits.set(await session.evaluate(piece, { logits: 'all' }), done * model.vocabSize)
    done += piece.length
  }
  await session.dispose()
  return logits
}

function compare(label, logits, rows, recorded, vocab, allowed) {
  const error = relativeError(logits, rows, recorded, vocab)
  check(error <= allowed, `${label}: relative error ${error.toExponential(2)}, allowed ${allowed}`)
}

const recordedOf = { f16: '270M-24.f32', q8_0: '270M-24-q8_0.f32', q4_0: '270M-24-q4_0.f32' }
const { prompts } = json('synthetic/270M.json')
const [short, long] = prompts

/** OpenELM-270M with the weights of test/golden/README.md; some of its layers, or all, on the GPU. */
async function synthetic(type, gpuLayers) {
  const model = await Model.synthetic('270M', { type, backend, ...(gpuLayers && { gpuLayers }) })
  const where = gpuLayers ? `${model.gpuLayers} of ${model.layers} layers on the GPU` : model.device?.name
  const vocab = model.vocabSize
  const recorded = floats(`synthetic/${recordedOf[type]}`)
  for (const sizes of gpuLayers ? [[24], [5]] : [[24], [1], [7, 1, 16], [5], [8], [9]]) {
    const logits = await evaluate(model, short.ids, sizes)
    compare(
      `${type}, ${where}, batches of ${sizes}`,
      logits,
      short.rows,
      recorded,
      vocab,
      bound(type, Math.max(...sizes)),
    )
    if (type !== 'f16') continue
    const sure = short.rows.flatMap((row, i) => (short.margin[i] > 0.1 ? [[row, short.argmax[i]]] : []))
    check(
      sure.every(([row, best]) => argmax(logits, row, vocab) === best),
      `f16, ${where}, batches of ${sizes}: likeliest tokens`,
    )
  }
  if (type === 'f16') {
    const recordedLong = floats('synthetic/270M-600.f32')
    for (const nBatch of gpuLayers ? [512] : [2048, 512, 100]) {
      const logits = await evaluate(model, long.ids, [long.ids.length], { nBatch })
      compare(`f16, ${where}, 600 ids, n_batch ${nBatch}`, logits, long.rows, recordedLong, vocab, ROUNDED)
    }
  }
  await model.dispose()
}

/** The small trained checkpoint: logits, greedy text, and text that company does not change. */
async function lexicon(folder, type) {
  const path = join(folder, `${type}.gguf`)
  const convert = ['convert', join(golden, 'lexicon'), '-o', path, '--type', type]
  execFileSync(process.execPath, [join(root, 'bin/openelm.js'), ...convert], {
    stdio: 'pipe',
  })
  const model = await Model.load(path, { backend })
  const vocab = model.vocabSize
  const { prompts, greedy } = json('lexicon/golden/golden.json')
  for (const { ids, rows, file } of prompts.filter(({ weights }) => weights === type)) {
    const recorded = floats(`lexicon/golden/${file}`)
    for (const nBatch of [512, 7]) {
      const logits = await evaluate(model, ids, [ids.length], { nCtx: 256, nBatch })
      compare(
        `lexicon ${type}, ${ids.length} ids, n_batch ${nBatch}`,
        logits,
        rows,
        recorded,
        vocab,
        bound(type, nBatch),
      )
    }
    if (type !== 'f16') continue
    for (const [kvType, allowed] of [
      ['f16', 5e-3],
      ['q8_0', 2e-2],
    ]) {
      const logits = await evaluate(model, ids, [1], { nCtx: 256, kvType })
      compare(`lexicon f16, ${ids.length} ids, kv cache ${kvType}`, logits, rows, recorded, vocab, allowed)
    }
  }
  const sampling = { temperature: 0, repeatPenalty: 1 }
  const sure = greedy.filter(({ min_margin }) => min_margin >= 0.1)
  const alone = []
  const session = model.createSession({ nCtx: 256 })
  for (const { prompt_ids } of sure) {
    session.truncate(0)
    alone.push((await session.generate(prompt_ids, sampling).result).tokens)
  }
  if (type === 'f16') {
    sure.forEach(({ user, ids }, i) => {
      check(`${alone[i]}` === `${ids}`, `lexicon f16: the recorded answer to "${user}"`)
    })
  }
  const batch = model.createBatch({ slots: 8, nCtx: 256 })
  const together = await Promise.all(
    sure.map(async ({ prompt_ids }) => (await batch.generate(prompt_ids, sampling).result).tokens),
  )
  check(
    together.every((tokens, i) => `${tokens}` === `${alone[i]}`),
    `lexicon ${type}: ${sure.length} answers in slots of 8 are those without company`,
  )
  await model.dispose()
}

const folder = mkdtempSync(join(tmpdir(), 'openelm-golden-'))
try {
  for (const type of ['f16', 'q8_0', 'q4_0']) await lexicon(folder, type)
  for (const type of ['f16', 'q8_0', 'q4_0']) await synthetic(type)
  await synthetic('f16', 7)
} finally {
  rmSync(folder, { recursive: true })
}
console.log(`1..${checks}\n# ${checks - failures} of ${checks} passed on ${backend}`)
process.exit(failures > 0 ? 1 : 0)
