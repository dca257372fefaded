/** What a clone and a package hold: sizes of files and folders, and the list npm would publish. */
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { filesUnder, root, textOf } from '../support/files.js'

/** Source files over 300 lines, each with its reason. */
const longFiles: Record<string, string> = {}

const megabytes = (paths: readonly string[]): number =>
  paths.reduce((sum, path) => sum + statSync(join(root, path)).size, 0) / 1e6

tap.test('source files stay under 300 lines', async (t) => {
  const files = ['src', 'native', 'test', 'bench', 'docs'].flatMap((folder) =>
    filesUnder(folder, /\.(ts|tsx|mjs|cc|h)$/),
  )
  t.ok(files.length > 50, 'files were found')
  for (const path of files) {
    const lines = textOf(path).trimEnd().split('\n').length
    if (path in longFiles) t.ok(lines > 300, `${path} is still long (${longFiles[path]})`)
    else t.ok(lines <= 300, `${path} has ${lines} lines`)
  }
})

tap.test('test data and the shipped model stay small', async (t) => {
  t.ok(megabytes([...filesUnder('test/golden'), ...filesUnder('models')]) < 25)
})

tap.test('the published package holds what it needs and no test data', async (t) => {
  const npm = process.env.npm_execpath
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const [file, rest] = npm ? [process.execPath, [npm, ...args]] : ['npm', args]
  const output = execFileSync(file, rest, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [pack] = JSON.parse(output) as { size: number; unpackedSize: number; files: { path: string }[] }[]
  if (!pack) throw new Error('npm pack printed no package')
  const paths = pack.files.map(({ path }) => path)
  for (const needed of [
    'bin/openelm.js',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli.js',
    'dist/man/openelm.1',
    'dist/THIRD-PARTY-LICENSES.txt',
    'binding.gyp',
    'native/build.json',
    'native/sources.mjs',
    'native/addon/addon.cc',
    'native/kernels/matmul/reference.cc',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
  ]) {
    t.ok(paths.includes(needed), needed)
  }
  t.ok(
    paths.some((path) => /^models\/.*\.gguf$/.test(path)),
    'the default model',
  )
  t.same(
    paths.filter((path) => /^(test|bench|build|\.ci|docs\/screenshots)\//.test(path)),
    [],
    'nothing of tests and benches',
  )
  t.ok(pack.unpackedSize < 20e6, `${pack.unpackedSize} bytes unpacked`)
})
