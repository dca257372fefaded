/** A conversion that does not reach its end leaves no broken output, however it is ended. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tap from 'tap'
import { convertModel } from '../../src/convert/convert.js'
import { startCli, startScript } from '../support/child.js'
import { rejectionOf } from '../support/errors.js'
import { writeCheckpoint } from '../support/tiny-checkpoint.js'
import { tinyConfig } from '../support/tiny-model.js'

const folder = tap.testdir({ out: {} })
const source = join(folder, 'model')
const out = join(folder, 'out')
const output = join(out, 'model.gguf')
/** Half a gigabyte of zeros in holes: no disk is used, and converting it takes long enough to be interrupted. */
writeCheckpoint(source, { ...tinyConfig, dim: 4096, ffn: [1024, 2048], vocabSize: 32000 })

const left = () => readdirSync(out)

/** A script that converts and does something when half is written. */
const atHalf = (action: string, type = 'q4_0') => `
  import { convertModel } from './src/convert/convert.ts'
  let done = false
  await convertModel({
    source: ${JSON.stringify(source)}, output: ${JSON.stringify(output)}, type: '${type}', overwrite: true,
    onProgress: ({ doneBytes, totalBytes }) => {
      if (done || doneBytes < totalBytes / 2) return
      done = true
      ${action}
    },
  })`

tap.test('SIGKILL leaves only the temporary name', async (t) => {
  const { signal, stderr } = await startScript(atHalf('process.kill(process.pid, "SIGKILL")')).exit
  t.equal(signal, 'SIGKILL', stderr)
  t.match(left(), [/^\.model\.gguf\.\d+-\w+\.tmp$/])
  t.equal(left().length, 1)
  await startScript(`import { rmSync } from 'node:fs'; rmSync(${JSON.stringify(join(out, left()[0] ?? ''))})`)
    .exit
})

tap.test('ending the process, or an exception, removes it', async (t) => {
  t.equal((await startScript(atHalf('process.exit(7)')).exit).code, 7)
  t.same(left(), [])
  t.equal((await startScript(atHalf('throw new Error("boom")')).exit).code, 1)
  t.same(left(), [])
})

tap.test('an AbortSignal ends it in the middle of the embedding', async (t) => {
  const controller = new AbortController()
  const error = await rejectionOf(
    convertModel({
      source,
      output,
      type: 'q8_0',
      signal: controller.signal,
      onProgress: ({ doneBytes, totalBytes }) => {
        if (doneBytes > totalBytes / 4) controller.abort()
      },
    }),
  )
  t.equal(error.code, 'E_ABORTED')
  t.same(left(), [])
})

tap.test('SIGINT and SIGTERM end the command with 130 and nothing left', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const child = startCli('convert', source, '-o', output, '--type', 'f32')
    const begun = () => left().some((name) => statSync(join(out, name), { throwIfNoEntry: false })?.size)
    while (!begun() && child.process.exitCode === null) await sleep(1)
    child.process.kill(signal)
    const { code, stderr } = await child.exit
    t.equal(code, 130, `${signal}: ${stderr}`)
    t.match(stderr, /interrupted\. \(E_ABORTED\)/)
    t.same(left(), [])
  }
})

tap.test('a failed conversion keeps the output of an earlier one', async (t) => {
  await convertModel({ source: join('test/golden/lexicon'), output, type: 'q4_0' })
  const before = readFileSync(output)
  t.equal((await startScript(atHalf('process.exit(7)')).exit).code, 7)
  t.same(left(), ['model.gguf'])
  t.ok(readFileSync(output).equals(before))
})
