/** Prompts kept in files: the same text with and without, and refusal of whatever does not fit. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { Model } from '../../src/engine/model.js'
import type { SessionOptions } from '../../src/engine/types.js'
import { runs } from '../support/golden.js'
import { lexiconFile, temporaryFolder } from '../support/lexicon.js'

const TEXT = 'Define ocean. '.repeat(40)

tap.test('prompts in files', async (t) => {
  const folder = temporaryFolder(t)
  const path = await lexiconFile(t)
  const model = await Model.load(path, { threads: 1 })
  t.teardown(() => model.dispose())
  let files = 0
  const fresh = () => join(folder, `${++files}.cache`)

  /** Tokens generated after a prompt, by way of a file or not, and how many of the prompt came from it. */
  const say = async (ids: Int32Array, file?: string, options: SessionOptions = {}, of = model) => {
    const session = of.createSession(options)
    try {
      const rest = file === undefined ? ids : await session.loadPrompt(file, ids)
      const { tokens, text } = await session.generate(rest, { maxTokens: 12, ignoreEos: true }).result
      if (file !== undefined) await session.savePrompt(file, ids.length)
      return { tokens: [...tokens], text, taken: ids.length - rest.length }
    } finally {
      await session.dispose()
    }
  }

  t.test('texts are the same with a file, without, and with one of another prompt', async (t) => {
    const ids = model.tokenize(TEXT)
    t.ok(ids.length > 100, `${ids.length} tokens`)
    for (const options of [{}, { kvType: 'q8_0' }, { nBatch: 33 }] as const) {
      const file = fresh()
      for (const length of [ids.length, ids.length, 70, 34, 1, ids.length - 1]) {
        const prompt = ids.slice(0, length)
        const plain = await say(prompt, undefined, options)
        const cached = await say(prompt, file, options)
        t.same(
          [cached.tokens, cached.text],
          [plain.tokens, plain.text],
          `${JSON.stringify(options)}: ${length}`,
        )
      }
      const last = await say(ids, file, options)
      t.ok(last.taken > ids.length / 2, `${last.taken} of ${ids.length} were taken`)
      const other = ids.slice()
      other[60] = 5
      const forked = await say(other, file, options)
      t.same(forked.tokens, (await say(other, undefined, options)).tokens)
      t.ok(forked.taken > 0 && forked.taken <= 60)
    }
  })

  t.test('in a session of another length', async (t) => {
    const ids = model.tokenize(TEXT).slice(0, 100)
    const file = fresh()
    const plain = await say(ids)
    t.same((await say(ids, file, { nCtx: 256 })).tokens, plain.tokens)
    const shorter = await say(ids, file, { nCtx: 140 })
    t.same(shorter.tokens, plain.tokens)
    t.ok(shorter.taken > 0)
    // The file holds more than the context.
    const part = ids.slice(0, 70)
    t.same((await say(part, file, { nCtx: 95 })).tokens, (await say(part)).tokens)
  })

  t.test('a file that holds the prompt stays as it is; another one is replaced whole', async (t) => {
    const ids = model.tokenize(TEXT).slice(0, 80)
    const file = fresh()
    await say(ids, file)
    const before = statSync(file)
    await say(ids, file)
    t.equal(statSync(file).ino, before.ino)
    await say(ids.slice(0, 40), file)
    t.not(statSync(file).ino, before.ino)
    t.equal(statSync(file).mode & 0o777, 0o600)
    t.same(
      readdirSync(folder).filter((name) => name.endsWith('.tmp')),
      [],
    )
    const session = model.createSession()
    await t.rejects(session.savePrompt(file, 1), { code: 'E_USAGE' }, 'nothing is there')
    await session.evaluate(ids)
    await t.rejects(session.savePrompt(join(folder, 'none', 'x'), 80), { code: 'E_FILE_WRITE' })
    await t.rejects(session.loadPrompt(folder, ids), { code: /E_F/ })
    t.notOk(existsSync(join(folder, 'none')))
    const loading = session.loadPrompt(file, ids)
    t.throws(() => session.truncate(0), { message: /busy/ })
    await loading
  })

  t.test('what differs is refused', async (t) => {
    const ids = model.tokenize(TEXT).slice(0, 80)
    const file = fresh()
    await say(ids, file)
    const refused = (options: SessionOptions, why: RegExp, of = model) =>
      t.rejects(say(ids, file, options, of), { code: 'E_PROMPT_CACHE', why, next: /./ })
    await refused({ kvType: 'f32' }, /^Its kv type is f16, not f32/)
    await refused({ nBatch: 64 }, /batch size of 512, not 64/)
    const reference = await Model.load(path, { isa: 'reference', threads: 1 })
    if (model.isa !== 'reference') await refused({}, /kernels; these are reference/, reference)
    await reference.dispose()
    if (runs('avx512')) {
      const auto = await Model.load(path, { isa: 'avx512' })
      const int8 = await Model.load(path, { isa: 'avx512', activations: 'int8' })
      const mine = fresh()
      await say(ids, mine, {}, auto)
      const why = 'It was made with the avx512 kernels; these are avx512, int8 activations.'
      await t.rejects(say(ids, mine, {}, int8), { code: 'E_PROMPT_CACHE', why })
      await Promise.all([auto.dispose(), int8.dispose()])
    }
    const bytes = readFileSync(path)
    bytes[bytes.length - 7] = (bytes[bytes.length - 7] ?? 0) ^ 1
    const changed = join(folder, 'changed.gguf')
    writeFileSync(changed, bytes)
    const other = await Model.load(changed, { threads: 1 })
    await refused({}, /^It was made with another file of lexicon/, other)
    await other.dispose()
    const synthetic = await Model.synthetic('270M', { type: 'q4_0', threads: 1 })
    await refused({}, /^It was made with lexicon; this is OpenELM-270M-synthetic/, synthetic)
    await synthetic.dispose()
    const copied = join(folder, 'copy.gguf')
    writeFileSync(copied, readFileSync(path))
    const copy = await Model.load(copied, { threads: 1 })
    t.ok((await say(ids, file, {}, copy)).taken > 0, 'a copy of the model is the model')
    await copy.dispose()
  })

  t.test('damage anywhere is told', async (t) => {
    const ids = model.tokenize(TEXT).slice(0, 40)
    const file = fresh()
    await say(ids, file)
    const good = readFileSync(file)
    const damaged = fresh()
    const codes = new Set<string>()
    const check = async (bytes: Buffer, what: string) => {
      writeFileSync(damaged, bytes)
      const session = model.createSession()
      try {
        await session.loadPrompt(damaged, ids)
        t.fail(what)
      } catch (error) {
        const { code, why, next } = error as { code: string; why: string; next: string }
        codes.add(code)
        if (!['E_FORMAT', 'E_CHECKSUM', 'E_PROMPT_CACHE'].includes(code) || !why || !next)
          t.fail(`${what}: ${error}`)
        if (session.nPast !== 0) t.fail(`${what}: something was taken`)
      } finally {
        await session.dispose()
      }
    }
    for (let at = 0; at < good.length; at += at < 400 ? 1 : 997) {
      const bytes = Buffer.from(good)
      bytes[at] = (bytes[at] ?? 0) ^ (1 + (at % 255))
      await check(bytes, `byte ${at}`)
    }
    for (const length of [0, 1, 15, 16, 20, 21, 300, good.length - 33, good.length - 1]) {
      await check(good.subarray(0, length), `${length} bytes`)
    }
    await check(Buffer.concat([good, Buffer.alloc(1)]), 'one byte more')
    t.same([...codes].sort(), ['E_CHECKSUM', 'E_FORMAT', 'E_PROMPT_CACHE'])
  })
})
