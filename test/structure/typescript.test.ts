/**
 * The folders of src/ are layers: an import goes down, never up or sideways. Parsed by the TypeScript compiler, so that
 * neither comments nor formatting matter.
 */
import { posix } from 'node:path'
import tap from 'tap'
import ts from 'typescript'
import { filesUnder, textOf } from '../support/files.js'

/** Files that any folder of src/ may import from. */
const common = ['cache-folder.ts', 'errors.ts', 'package-root.ts']

/** What each folder of src/ may import from, besides itself and the common files. */
const mayImport: Record<string, readonly string[]> = {
  cli: ['ui', 'server', 'hub', 'convert', 'engine', 'formats', 'model', 'native'],
  ui: ['engine'],
  server: ['engine'],
  'index.ts': ['engine', 'convert'],
  hub: ['convert', 'formats', 'model'],
  convert: ['formats', 'model', 'native'],
  engine: ['grammar', 'formats', 'model', 'native'],
  model: ['formats', 'native'],
  formats: ['native'],
  native: [],
  'cache-folder.ts': [],
  grammar: [],
  'package-root.ts': [],
  'errors.ts': [],
}

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

const parse = (path: string): ts.SourceFile =>
  ts.createSourceFile(path, textOf(path), ts.ScriptTarget.ESNext, true)

/** Every node of a syntax tree. */
function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node
  for (const child of node.getChildren()) yield* nodesOf(child)
}

/** The modules a node imports: static, re-exported or dynamic. */
function specifierOf(node: ts.Node): { text: string; typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { text: node.moduleSpecifier.text, typeOnly: node.importClause?.isTypeOnly ?? false }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { text: node.moduleSpecifier.text, typeOnly: node.isTypeOnly }
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments
    if (argument && ts.isStringLiteral(argument)) return { text: argument.text, typeOnly: true }
  }
  return undefined
}

const sources = filesUnder('src', /\.tsx?$/)
const known = new Set(sources)

/** The source file a relative specifier means: x.js is x.ts or x.tsx. */
function target(from: string, specifier: string): string | undefined {
  const path = posix.join(posix.dirname(from), specifier)
  return [path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx'), path].find((name) => known.has(name))
}

const imports: Import[] = []
for (const from of sources) {
  for (const node of nodesOf(parse(from))) {
    const specifier = specifierOf(node)
    if (!specifier?.text.startsWith('.')) continue
    const to = target(from, specifier.text)
    if (to) imports.push({ from, to, typeOnly: specifier.typeOnly })
  }
}

/** The folder of src/ a file is in, or its name for those directly there. */
const layerOf = (path: string): string => path.split('/')[1] ?? ''

tap.test('imports between the folders of src/ go one way', async (t) => {
  t.ok(imports.length > 20, 'imports were found')
  for (const layer of new Set(sources.map(layerOf))) t.ok(layer in mayImport, `${layer} is a known layer`)
  const wrong = imports.filter(({ from, to }) => {
    const [above, below] = [layerOf(from), layerOf(to)]
    return above !== below && !common.includes(below) && !mayImport[above]?.includes(below)
  })
  t.same(wrong, [], 'no import goes up or sideways')
})

tap.test('the layers have no cycle', async (t) => {
  const done = new Set<string>()
  const visit = (layer: string, path: readonly string[]): void => {
    t.notOk(path.includes(layer), `${[...path, layer].join(' → ')} is not a cycle`)
    if (path.includes(layer) || done.has(layer)) return
    for (const below of mayImport[layer] ?? []) visit(below, [...path, layer])
    done.add(layer)
  }
  for (const layer of Object.keys(mayImport)) visit(layer, [])
})

tap.test('no file imports itself by way of others', async (t) => {
  const next = new Map<string, string[]>(sources.map((path) => [path, []]))
  for (const { from, to, typeOnly } of imports) if (!typeOnly) next.get(from)?.push(to)
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (path.includes(file) || done.has(file)) return
    for (const other of next.get(file) ?? []) visit(other, [...path, file])
    done.add(file)
  }
  for (const file of sources) visit(file, [])
  t.same(cycles, [])
})

tap.test('native/load.ts is the only loader of the addon', async (t) => {
  const loaders = sources.filter((path) => /\.node\b['"`]|process\.dlopen|node-gyp-build/.test(textOf(path)))
  t.same(loaders, ['src/native/load.ts'])
})

tap.test(
  'only package-root.ts knows where files of the package are: a bundle moves all others',
  async (t) => {
    const found = sources.filter((path) =>
      /new URL\([^)]*import\.meta\.url|import\.meta\.(dirname|filename)/.test(textOf(path)),
    )
    t.same(found, ['src/package-root.ts'])
  },
)

tap.test('no `any`, and no comment that turns the type checker off', async (t) => {
  const files = ['src', 'test', 'bench', 'docs'].flatMap((folder) => filesUnder(folder, /\.tsx?$/))
  const found: string[] = []
  for (const path of files) {
    const source = parse(path)
    for (const node of nodesOf(source)) {
      if (node.kind !== ts.SyntaxKind.AnyKeyword) continue
      found.push(`${path}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: any`)
    }
    if (/\/[/*]\s*@ts-(ignore|nocheck|expect-error)/.test(source.text)) found.push(`${path}: @ts-…`)
  }
  t.same(found, [])
})
