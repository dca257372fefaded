/**
 * What the compiled addon shows of itself, read with nm: one visible entry point, and no function of a variant that the
 * linker could share with the rest of the program, where it would meet a processor without those instructions.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { root } from '../support/files.js'

const release = join(root, 'build/Release')
const skip = process.platform === 'linux' ? false : 'reads ELF symbols'

/** Lines of nm as [letter, name]. */
function symbols(file: string, ...options: string[]): [letter: string, name: string][] {
  const output = execFileSync('nm', ['-C', '--defined-only', ...options, join(release, file)], {
    encoding: 'utf8',
  })
  return [...output.matchAll(/^[0-9a-f]* ?([A-Za-z]) (.+)$/gm)].map(([, letter = '', name = '']) => [
    letter,
    name,
  ])
}

tap.test('the addon exports its entry points and nothing else', { skip }, async (t) => {
  const names = symbols('openelm.node', '-D').map(([, name]) => name)
  t.same(names.sort(), ['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
})

tap.test('variants define no symbol that another file may define too', { skip }, async (t) => {
  const variants = readdirSync(release).filter((name) => /^openelm_(?!core)\w+\.a$/.test(name))
  t.ok(variants.length > 0, 'variants were built')
  for (const archive of variants) {
    const defined = symbols(archive)
    t.ok(
      defined.some(([letter]) => letter === 'T'),
      `${archive} defines functions`,
    )
    t.same(
      defined.filter(([letter]) => 'WVu'.includes(letter)).map(([, name]) => name),
      [],
      `${archive} has no weak definition`,
    )
  }
})
