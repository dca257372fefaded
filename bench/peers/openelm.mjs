// One trial of openelm, in a process of its own, through its library as a user would: see harness.mjs. "isa" forces a variant,
// "gpu" a backend; "activations" is the option of that name.

import { Model } from '../../dist/index.js'
import { finish, now, someIds, speed } from './harness.mjs'

const options = JSON.parse(process.argv[2])
const { threads, isa, activations = 'auto', gpu: backend = 'cpu' } = options
const model = await Model.load(options.model, { threads, backend, activations, ...(isa && { isa }) })
const kernels = model.activations === 'auto' ? model.isa : `${model.isa}, ${model.activations} activations`
const longest = Math.max(...options.tests.map(({ prompt, gen, depth }) => prompt + gen + depth + 1))
const session = model.createSession({ nCtx: longest, beyondTraining: true })

const engine = {
  backend: model.device ? `${model.backend}, ${model.device.name}, ${model.device.details}` : kernels,
  async evaluate(ids) {
    session.truncate(0)
    await session.evaluate(ids, { logits: 'last' })
  },
  async fill(depth) {
    session.truncate(0)
    if (depth > 0) await session.evaluate(someIds(depth), { logits: 'none' })
  },
  async generate(depth, count) {
    session.truncate(depth)
    const start = now()
    const sampling = { temperature: 0, repeatPenalty: 1, ignoreEos: true }
    await session.generate([1], { ...sampling, maxTokens: count }).result
    return now() - start
  },
}
finish(await speed(options, engine))
