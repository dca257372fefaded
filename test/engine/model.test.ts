import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { Model, OpenElmError, resolveModelPath } from '../../src/index.js'
import { goldenJson } from '../support/golden.js'
import { lexiconFile } from '../support/lexicon.js'

tap.test('a loaded model', async (t) => {
  const path = await lexiconFile(t)
  const model = await Model.load(path, { threads: 1, isa: 'reference' })
  t.teardown(() => model.dispose())

  t.test('says what it is', async (t) => {
    t.match(model, { type: 'Q8_0', threads: 1, isa: 'reference', vocabSize: 4096, contextLength: 256 })
    t.match(model, { bos: 1, eos: 2, parameters: 5_821_184, disposed: false })
    t.match(model.chatTemplate, /assistant/)
    t.equal(model.controlPieces.get('</s>'), 2)
    t.ok(model.weightBytes > 6_000_000 && model.weightBytes < 6_500_000)
    t.equal(model.samplingDefaults.repeatPenalty, 1, 'recommended by the file')
    t.equal(model.samplingDefaults.temperature, 0)
  })

  t.test('tokenizes as the recorded vectors do, and back', async (t) => {
    const cases = goldenJson<{ text: string; ids: number[] }[]>('lexicon/golden/tokenizer.json')
    for (const { text, ids } of cases.slice(0, 50)) {
      t.same(Array.from(model.tokenize(text)), ids)
    }
    const ids = model.tokenize('Define ocean.')
    t.equal(ids[0], model.bos)
    t.equal(model.detokenize(ids), 'Define ocean.')
    t.equal(model.detokenize(Array.from(ids)), 'Define ocean.')
    t.equal(model.detokenize([]), '')
    t.equal(model.tokenize('a', { bos: false })[0] === model.bos, false)
  })

  t.test('recognises control tokens only where asked to', async (t) => {
    t.notOk(model.tokenize('a</s>').includes(2))
    const ids = model.tokenize('a</s>', { special: true })
    t.equal(ids.at(-1), 2)
    t.equal(model.detokenize(ids), 'a')
    t.match(model.detokenize(ids, { special: true }), /<\/s>$/)
  })

  t.test('a long text is one call', async (t) => {
    const text = 'ocean '.repeat(50_000)
    t.equal(model.detokenize(model.tokenize(text)), text)
  })

  t.test('refuses misuse in words', async (t) => {
    const usage = (message: RegExp) => ({ code: 'E_USAGE', message })
    t.throws(
      () => model.createSession({ nCtx: 0 }),
      usage(/^Expected an integer between 1 and 256 for nCtx but/),
    )
    t.throws(
      () => model.createSession({ nCtx: 257 }),
      usage(/between 1 and 256 for nCtx, the context length, but received 257/),
    )
    t.throws(() => model.createSession({ nBatch: 0 }), usage(/for nBatch/))
    t.throws(() => model.createSession({ kvType: 'q4' as 'f16' }), usage(/one of f32, f16, q8_0 for kvType/))
    t.throws(() => model.createSession({ ctx: 1 } as object), usage(/Unknown option "ctx"/))
    t.throws(() => model.tokenize(5 as unknown as string), usage(/Expected text for text but received 5/))
    t.throws(() => model.detokenize([4096]), usage(/between 0 and 4095 for ids\[0\] but received 4096/))
    t.throws(() => model.detokenize(new Int32Array([0, -1])), usage(/ids\[1\] but received -1/))
    const beyond = model.createSession({ nCtx: 300, beyondTraining: true })
    t.equal(beyond.nCtx, 300)
    await beyond.dispose()
  })
})

tap.test('loading refuses misuse and what is not a model', async (t) => {
  const path = await lexiconFile(t)
  const folder = join(path, '..')
  await t.rejects(Model.load(path, { threads: 0 }), {
    code: 'E_USAGE',
    message: 'Expected an integer between 1 and 256 for threads but received 0.',
  })
  await t.rejects(Model.load(path, { isa: 'mmx' as 'avx2' }), { code: 'E_USAGE' })
  await t.rejects(Model.load(path, { activations: 'int4' as 'int8' }), {
    code: 'E_USAGE',
    message: 'Expected one of auto, int8 for activations but received "int4".',
  })
  await t.rejects(Model.load(path, { thread: 1 } as object), { code: 'E_USAGE', message: /"thread"/ })
  await t.rejects(Model.load(join(folder, 'none.gguf')), { code: 'E_FILE_NOT_FOUND' })
  await t.rejects(Model.load(folder), { code: 'E_FILE_READ' })
  const bytes = readFileSync(path)
  writeFileSync(join(folder, 'half.gguf'), bytes.subarray(0, bytes.length / 2))
  await t.rejects(Model.load(join(folder, 'half.gguf')), { code: 'E_FORMAT' })
  writeFileSync(join(folder, 'text.gguf'), 'not a model')
  await t.rejects(Model.load(join(folder, 'text.gguf')), { code: 'E_FORMAT' })
  await t.rejects(Model.load(path, { signal: AbortSignal.abort('no') }), { code: 'E_ABORTED', cause: 'no' })
  await t.rejects(Model.synthetic('2M' as '3B'), { code: 'E_USAGE', message: /one of 270M, 450M, 1\.1B, 3B/ })
  await t.rejects(Model.synthetic('270M', { type: 'q9_0' }), { code: 'E_USAGE', message: /for type/ })
})

tap.test('a disposed model', async (t) => {
  const model = await Model.load(await lexiconFile(t))
  const session = model.createSession()
  await model.dispose()
  await model.dispose()
  t.equal(model.disposed, true)
  t.equal(session.disposed, true)
  t.throws(() => model.createSession(), { code: 'E_DISPOSED' })
  t.throws(() => model.tokenize('a'), { code: 'E_DISPOSED' })
  t.throws(() => model.detokenize([1]), { code: 'E_DISPOSED' })
  t.throws(() => session.generate('a'), { code: 'E_DISPOSED' })
  await t.rejects(session.evaluate([1]), { code: 'E_DISPOSED' })
  t.equal(session.nPast, 0)
})

tap.test('a model and its sessions can be disposed by scope', async (t) => {
  const path = await lexiconFile(t)
  const model = await Model.load(path)
  await model.createSession()[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
  t.ok(model.disposed)
})

tap.test('a file without a tokenizer evaluates ids and says why it cannot read text', async (t) => {
  // The key that names the tokenizer's pieces is renamed in place; keys nobody knows are ignored.
  const path = await lexiconFile(t)
  const bytes = readFileSync(path)
  const at = bytes.indexOf('tokenizer.ggml.tokens')
  bytes.write('tokenizer.ggml.nothin', at)
  const bare = join(path, '..', 'bare.gguf')
  writeFileSync(bare, bytes)
  const model = await Model.load(bare, { threads: 1 })
  t.teardown(() => model.dispose())
  t.equal(model.bos, -1)
  t.throws(() => model.tokenize('a'), { code: 'E_TOKENIZER' })
  const session = model.createSession()
  t.throws(() => session.generate([1, 2, 3]), { code: 'E_TOKENIZER' })
  t.equal((await session.evaluate([1, 2, 3])).length, 4096)
})

tap.test('the model that is used when none is named', async (t) => {
  const path = await lexiconFile(t)
  const before = process.env.OPENELM_MODEL
  t.teardown(() => {
    if (before === undefined) delete process.env.OPENELM_MODEL
    else process.env.OPENELM_MODEL = before
  })
  process.env.OPENELM_MODEL = path
  t.equal(resolveModelPath(), path)
  process.env.OPENELM_MODEL = `${path}.none`
  t.throws(() => resolveModelPath(), { code: 'E_FILE_NOT_FOUND', why: /OPENELM_MODEL/ })
  t.equal(resolveModelPath(path), path)
  t.throws(() => resolveModelPath('./no-such-file'), OpenElmError)
})
