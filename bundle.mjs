// npm run build:ts: bundles src/ into dist/, where the library (index.js) and the command line (cli.js) share chunks.
// Resolving and reading hundreds of small modules is most of what starting costs (bench/README.md, "Start-up"), so
// what the program imports is bundled with it; tsc adds the declarations.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const out = 'dist'
/**
 * Loaded by few runs, or by one command that downloads or serves: nothing is gained by bundling them. The package of
 * yoga-layout and one below @huggingface/hub have no licence text that a copy could carry. The last two are ink's
 * connection to the developer tools of React.
 */
const external = [
  'llama-tokenizer-js',
  '@hono/node-server',
  '@huggingface/hub',
  '@huggingface/jinja',
  'hono',
  'yoga-layout',
  './devtools.js',
  'react-devtools-core',
]

rmSync(out, { recursive: true, force: true })
const { metafile } = await build({
  // Flat, so that package-root.ts is as far from the root in a chunk as in src/.
  entryPoints: { index: 'src/index.ts', cli: 'src/cli/main.ts' },
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Not identifiers: stack traces of users name our functions.
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  external,
  // React's own checks are for those who develop interfaces.
  define: { 'process.env.NODE_ENV': '"production"' },
  logOverride: { 'assign-to-define': 'silent' },
  // CommonJS packages among the bundled ones require Node's modules.
  banner: { js: "import{createRequire as $cr}from'node:module';const require=$cr(import.meta.url);" },
  logLevel: 'warning',
})

/** Folders of the packages of which code is in the bundle. */
const packages = new Set(
  Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => path.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? []),
)

/** Name, version and licence text of one package. @throws Error where it brings no text */
function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (!file) throw new Error(`${name} ${version} (${license}) has no licence file to pass on`)
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
}

const rule = `\n${'-'.repeat(80)}\n\n`
const head = 'The files beside this one contain code of these packages, under their own licences.\n'
writeFileSync(
  join(out, 'THIRD-PARTY-LICENSES.txt'),
  [head, ...[...packages].sort().map(licenceOf)].join(rule),
)
