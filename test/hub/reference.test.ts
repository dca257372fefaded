import fc from 'fast-check'
import tap from 'tap'
import { formatReference, isSafePath, parseReference } from '../../src/hub/reference.js'
import { repositoryOf, shortNameOf, shortNames } from '../../src/model/published.js'
import { errorOf } from '../support/errors.js'

tap.test('short names are the eight checkpoints', async (t) => {
  t.same(
    shortNames.map((name) => [name, repositoryOf(name)]),
    [
      ['270m', 'apple/OpenELM-270M'],
      ['270m-instruct', 'apple/OpenELM-270M-Instruct'],
      ['450m', 'apple/OpenELM-450M'],
      ['450m-instruct', 'apple/OpenELM-450M-Instruct'],
      ['1.1b', 'apple/OpenELM-1_1B'],
      ['1.1b-instruct', 'apple/OpenELM-1_1B-Instruct'],
      ['3b', 'apple/OpenELM-3B'],
      ['3b-instruct', 'apple/OpenELM-3B-Instruct'],
    ],
  )
  for (const name of shortNames) t.equal(shortNameOf(repositoryOf(name) ?? ''), name)
  t.equal(shortNameOf('owner/OpenELM-3B'), undefined)
})

tap.test('names that are read', async (t) => {
  const cases: [string, ReturnType<typeof parseReference>, string][] = [
    ['270m', { repo: 'apple/OpenELM-270M' }, '270m'],
    ['1.1B-Instruct', { repo: 'apple/OpenELM-1_1B-Instruct' }, '1.1b-instruct'],
    ['3b:q4_0', { repo: 'apple/OpenELM-3B', type: 'q4_0' }, '3b:q4_0'],
    ['3b:BF16', { repo: 'apple/OpenELM-3B', type: 'bf16' }, '3b:bf16'],
    ['apple/OpenELM-3B', { repo: 'apple/OpenELM-3B' }, '3b'],
    ['me/My_Model.v2', { repo: 'me/My_Model.v2' }, 'me/My_Model.v2'],
    ['me/x:a/b-Q5_K.gguf', { repo: 'me/x', file: 'a/b-Q5_K.gguf' }, 'me/x:a/b-Q5_K.gguf'],
  ]
  for (const [text, reference, short] of cases) {
    t.same(parseReference(text), reference, text)
    t.equal(reference && formatReference(reference), short)
  }
})

tap.test('text that is no name', async (t) => {
  const none = [
    '',
    '270',
    '270mm',
    'lexicon',
    'a/b/c',
    '/a/b',
    'a/',
    '../b',
    'a/..',
    'a--b/c',
    'a b/c',
    'a/b\n',
  ]
  for (const text of [...none, 'http://h/b', '.a/b', 'a/b--c', 'a/b..c']) {
    t.equal(parseReference(text), undefined, JSON.stringify(text))
  }
  for (const rest of ['', 'q9', 'model.bin', '../x.gguf', '/x.gguf', 'a//x.gguf', 'C:x.gguf', 'a\\x.gguf']) {
    t.match(
      errorOf(() => parseReference(`me/x:${rest}`)),
      { code: 'E_USAGE', why: /\.gguf/, next: /me\/x:q8_0/ },
    )
  }
})

tap.test('what is formatted is read again as the same', async () => {
  const part = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.]{0,8}$/).filter((text) => !text.includes('..'))
  fc.assert(
    fc.property(part, part, fc.option(part), (owner, name, file) => {
      const reference = { repo: `${owner}/${name}`, ...(file ? { file: `${file}.gguf` } : {}) }
      const again = parseReference(formatReference(reference))
      return JSON.stringify(again) === JSON.stringify(reference)
    }),
  )
})

tap.test('paths inside a repository', async (t) => {
  for (const path of ['a', 'a/b.txt', '.gitattributes', 'é/ü']) t.ok(isSafePath(path), path)
  for (const path of ['', '/a', 'a/', 'a//b', '..', 'a/../b', './a', 'a\\b', 'c:d', 'a\nb']) {
    t.notOk(isSafePath(path), JSON.stringify(path))
  }
})
