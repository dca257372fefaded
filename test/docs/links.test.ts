/** Links between the pages, their pictures, and what they say of files lead somewhere. */
import { existsSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { marked } from 'marked'
import tap from 'tap'
import { filesUnder, root, textOf } from '../support/files.js'
import { headingsOf, pages } from './markdown.js'

interface Link {
  readonly from: string
  readonly href: string
  readonly image: boolean
}

const links = pages.flatMap((from) => {
  const found: Link[] = []
  marked.walkTokens(marked.lexer(textOf(from)), (token) => {
    if (token.type !== 'link' && token.type !== 'image') return
    found.push({ from, href: String(token.href), image: token.type === 'image' })
  })
  return found
})
const own = links.filter(({ href }) => !/^[a-z]+:/.test(href))

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')

tap.test('every link within the project leads to a file and a heading', async (t) => {
  t.ok(own.length > 20, 'links were found')
  for (const { from, href } of own) {
    const [path = '', anchor] = href.split('#')
    const target = path === '' ? from : posix.join(posix.dirname(from), path)
    t.ok(existsSync(join(root, target)), `${from}: ${href}`)
    if (anchor) t.ok(headingsOf(target).map(anchorOf).includes(anchor), `${from}: ${href} is a heading`)
  }
})

tap.test('README.md leads to every page', async (t) => {
  const reached = own.filter(({ from }) => from === 'README.md').map(({ href }) => href)
  for (const page of pages) if (page !== 'README.md') t.ok(reached.includes(page), page)
})

tap.test('pictures are small, have a text, and each is shown', async (t) => {
  for (const path of filesUnder('docs/images')) {
    t.ok(statSync(join(root, path)).size < 100_000, `${path} is small`)
    const shown = own.some(({ from, href, image }) => image && posix.join(posix.dirname(from), href) === path)
    t.ok(shown, `${path} is on a page`)
    t.match(textOf(path), /^<svg /, `${path} is a picture`)
  }
  for (const page of pages) t.notMatch(textOf(page), /!\[\]\(/, `${page}: every picture has a text`)
})
