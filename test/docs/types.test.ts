/** The programs of the pages fit the types that the package publishes, under this project's strict settings. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import ts from 'typescript'
import { root } from '../support/files.js'
import { temporaryFolder } from '../support/lexicon.js'
import { blocksOf, pages } from './markdown.js'

tap.test('programs of type ts', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/openelm'))
  symlinkSync(join(root, 'node_modules/openai'), join(folder, 'node_modules/openai'))
  const programs = pages.flatMap(blocksOf).filter(({ lang }) => lang === 'ts')
  t.ok(programs.length > 5, 'programs were found')
  const files = programs.map(({ text }, i) => {
    const file = join(folder, `example-${i}.mts`)
    writeFileSync(file, `${text}\nexport {}\n`)
    return file
  })
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram(files, {
    ...options,
    noEmit: true,
    typeRoots: [join(root, 'node_modules/@types')],
  })
  const wrong = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const { page, text } = programs[files.indexOf(file?.fileName ?? '')] ?? {}
    return `${page}: ${ts.flattenDiagnosticMessageText(messageText, '\n')} in\n${text}`
  })
  t.same(wrong, [])
})
