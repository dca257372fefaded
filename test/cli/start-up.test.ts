/** What the built command line loads: starting costs as much as the modules that are read for it. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import tap from 'tap'
import { root } from '../support/files.js'

/** Packages as they appear in a bundle whose comments and names of files are gone. */
const marks = {
  react: 'react.transitional.element',
  ink: 'ink-box',
  jinja: 'node_modules/@huggingface/jinja/',
  zod: 'safeParse',
  commander: 'commander.unknownOption',
  progress: 'etaBuffer',
}
type Package = keyof typeof marks

/** Runs the command line and lists the files it loads as modules. */
async function modulesOf(...args: string[]): Promise<string[]> {
  const child = spawn(process.execPath, ['bin/openelm.js', ...args], {
    cwd: root,
    env: { ...process.env, NODE_DEBUG: 'esm,module' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let trace = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    trace += text
  })
  await new Promise((resolve) => child.on('close', resolve))
  const urls = trace.match(/file:\/\/[^\s'"]+\.(js|cjs|mjs)/g) ?? []
  const paths = trace.match(/(?<=load ")[^"]+(?=" for module)/g) ?? []
  return [...new Set([...urls.map((url) => fileURLToPath(url)), ...paths])]
}

const packagesIn = (files: readonly string[]): Package[] => {
  const texts = files.map((file) => file + readFileSync(file, 'utf8'))
  return (Object.keys(marks) as Package[]).filter((name) => texts.some((text) => text.includes(marks[name])))
}

tap.test('run loads neither the chat interface nor what only other commands need', async (t) => {
  const files = await modulesOf('run', '--temp', '0', '-n', '1', '--no-chat', 'ocean')
  t.ok(files.length > 3, `${files.length} files`)
  t.same(packagesIn(files), ['zod', 'commander'])
  t.same(
    files.filter((file) => /node_modules\/(zod|commander|cli-progress|ink|react|yoga-layout)\//.test(file)),
    [],
    'what is bundled is not loaded once more',
  )
})

tap.test('a chat template needs Jinja and nothing else', async (t) => {
  const files = await modulesOf('run', '--temp', '0', '-n', '1', '--chat', 'ocean')
  t.same(packagesIn(files), ['jinja', 'zod', 'commander'])
})

tap.test(
  'completion looks at the chat and the server without loading what they show and serve with',
  async (t) => {
    const files = await modulesOf('completion', 'bash')
    const found = packagesIn(files)
    for (const name of ['react', 'ink', 'jinja'] as const) t.notOk(found.includes(name), name)
    t.same(
      files.filter((file) => /node_modules\/(hono|@hono|@huggingface)\//.test(file)),
      [],
    )
  },
)

tap.test('the manual needs no package', async (t) => {
  for (const args of [['--help'], ['--version'], ['nonsense']]) {
    const files = await modulesOf(...args)
    t.ok(files.length > 1)
    t.same(packagesIn(files), [], args.join(' '))
  }
})

tap.test('what is looked for is what the chat would load', async (t) => {
  const chat = readdirSync(`${root}dist`).filter((name) => /^open-chat-.*\.js$/.test(name))
  t.equal(chat.length, 1)
  const found = packagesIn(chat.map((name) => `${root}dist/${name}`))
  t.ok(found.includes('react') && found.includes('ink'), found.join(' '))
})
