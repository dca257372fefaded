/** docs/troubleshooting.md names every code that a user can meet, and no other. */
import tap from 'tap'
import { fromNative } from '../../src/engine/native-error.js'
import { OpenElmError } from '../../src/errors.js'
import { filesUnder, textOf } from '../support/files.js'
import { headingsOf } from './markdown.js'

const page = 'docs/troubleshooting.md'

/** Members of a union of string literals, by its name. */
const unionOf = (path: string, type: string): string[] => {
  const [, members = ''] =
    new RegExp(`export type ${type} =\\n([^;]*?)\\n\\n`).exec(`${textOf(path)}\n\n`) ?? []
  return [...members.matchAll(/'(\w+)'/g)].map(([, name = '']) => name).sort()
}

/** Rows of the tables of the page: the codes in the first column, and the rest. */
const rows = [...textOf(page).matchAll(/^\| (`[^|]*) \| ([^|]*) \|/gm)].map(
  ([, first = '', second = '']) => ({
    codes: [...first.matchAll(/`(\w+)`/g)].map(([, code = '']) => code),
    second,
  }),
)

tap.test('every code has its section', async (t) => {
  const codes = unionOf('src/errors.ts', 'ErrorCode')
  t.ok(codes.length > 20, 'codes were found')
  t.same(
    headingsOf(page)
      .filter((heading) => heading.startsWith('E_'))
      .sort(),
    codes,
  )
})

tap.test('codes of the engine', async (t) => {
  const names = unionOf('src/native/binding.ts', 'NativeErrorCode')
  const [, members = ''] = /enum class Code \{([^}]*)\}/.exec(textOf('native/runtime/status.h')) ?? []
  const native = members.split(',').map((name) => name.trim().toUpperCase())
  t.same(native.filter((name) => name !== 'OK').sort(), names, 'the same in C++ and TypeScript')
  for (const name of names) {
    const error = fromNative(Object.assign(new Error(), { code: name }), 'It failed.')
    if (!(error instanceof OpenElmError)) throw new Error(`${name} has no meaning`)
    const row = rows.find(({ codes }) => codes.includes(name))
    t.equal(row?.second, `\`${error.code}\``, name)
  }
})

tap.test('codes of the server, with their status', async (t) => {
  const source = filesUnder('src/server', /\.ts$/).map(textOf).join('\n')
  const codes = [...source.matchAll(/code: '(\w+)'|\[\d{3}, '(\w+)'\]/g)].map(([, a, b]) => a ?? b ?? '')
  t.ok(codes.length > 10, 'codes were found')
  const listed = rows.filter(({ second }) => /^\d{3}/.test(second)).flatMap((row) => row.codes)
  t.same([...new Set(codes)].sort(), listed.filter((code) => !code.startsWith('E_')).sort())
  for (const [, status = '', code = ''] of source.matchAll(/\[(\d{3}), '(\w+)'\]/g)) {
    t.match(rows.find((row) => row.codes.includes(code))?.second, status, `${code}: ${status}`)
  }
})

tap.test('codes that pages name exist', async (t) => {
  const codes = unionOf('src/errors.ts', 'ErrorCode')
  for (const path of ['README.md', ...filesUnder('docs', /\.md$/)]) {
    for (const [code] of textOf(path).matchAll(/\bE_[A-Z_]+\b/g))
      t.ok(codes.includes(code), `${path}: ${code}`)
  }
})
