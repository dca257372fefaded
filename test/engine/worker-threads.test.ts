/** Several worker threads load the addon and the model, generate at once, and some are ended in the middle. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import tap from 'tap'
import { root } from '../support/files.js'
import { DEFINE_OCEAN, lexiconFile } from '../support/lexicon.js'

const library = pathToFileURL(join(root, 'dist/index.js')).href

const code = `
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData.library).then(async ({ Model, renderChat }) => {
    const model = await Model.load(workerData.path, { threads: 2 })
    const session = model.createSession()
    const ids = renderChat(model, [{ role: 'user', content: workerData.question }])
    const generation = session.generate(ids, { ignoreEos: workerData.endless })
    for await (const piece of generation) parentPort.postMessage({ piece })
    const { text } = await generation.result
    if (workerData.dispose) await model.dispose()
    parentPort.postMessage({ text })
  })`

/** Runs one worker; `onPiece` may end it. */
function work(
  path: string,
  options: { dispose: boolean; endless?: boolean },
  onPiece: (worker: Worker) => void = () => {},
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let text: string | undefined
    const workerData = { library, path, question: DEFINE_OCEAN, endless: false, ...options }
    const worker = new Worker(code, { eval: true, execArgv: [], workerData })
    worker.on('message', (message: { piece?: string; text?: string }) => {
      if (message.piece !== undefined) onPiece(worker)
      text = message.text ?? text
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve(text))
  })
}

tap.test('worker threads', async (t) => {
  const path = await lexiconFile(t)

  t.test('several generate the same at once, whether or not they dispose', async (t) => {
    const texts = await Promise.all([true, false, true].map((dispose) => work(path, { dispose })))
    t.match(texts[0], /^Ocean is a noun\./)
    for (const text of texts) t.equal(text, texts[0])
  })

  t.test('one that is ended while it generates takes nothing down', async (t) => {
    const ended = work(path, { dispose: false, endless: true }, (worker) => void worker.terminate())
    const other = work(path, { dispose: true })
    t.equal(await ended, undefined)
    t.match(await other, /^Ocean is a noun\./)
  })
})
