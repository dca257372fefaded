import t from 'tap'
import { complete } from '../../src/ui/commands/complete.js'
import { parseInput } from '../../src/ui/commands/parse.js'
import { COMMANDS, helpText } from '../../src/ui/commands/table.js'
import { KEY_HELP } from '../../src/ui/input/bindings.js'
import { nearest } from '../../src/ui/nearest.js'

t.test('messages and commands', async (t) => {
  t.strictSame(parseInput('Hello /help'), { message: 'Hello /help' })
  t.strictSame(parseInput('//etc'), { message: '/etc' })
  t.match(parseInput('/set  temp 1 '), { command: { name: 'set' }, argument: 'temp 1' })
  t.match(parseInput('/system a\n  b'), { command: { name: 'system' }, argument: 'a\n  b' })
  t.throws(() => parseInput('/'), { code: 'E_USAGE' })
  t.throws(() => parseInput('/retyr'), { code: 'E_USAGE', next: 'Did you mean /retry?' })
  t.throws(() => parseInput('/Users/me is my home'), { code: 'E_USAGE', next: /begin it with \/\// })
  t.throws(() => parseInput('/constructor'), { code: 'E_USAGE' })
})

t.test('/help is made from the tables', async (t) => {
  const help = helpText()
  for (const { name, aliases = [], argument, about } of COMMANDS) {
    const names = [name, ...aliases].map((each) => `/${each}`).join(', ')
    t.ok(help.includes(`${names}${argument ? ` ${argument}` : ''}`), name)
    t.ok(help.includes(about), about)
  }
  for (const [keys] of KEY_HELP) t.ok(help.includes(keys), keys)
  t.ok(
    help.split('\n').every((line) => line.length <= 80),
    'fits into 80 columns',
  )
})

t.test('completion', async (t) => {
  const text = (typed: string) => complete(typed)?.text
  t.equal(text('/sy'), '/system ')
  t.equal(text('/he'), '/help')
  t.strictSame(complete('/s'), { text: '/s', choices: ['system', 'save', 'set', 'stats'] })
  t.equal(text('/re'), '/retry')
  t.equal(text('/set temp'), '/set temp ')
  t.strictSame(complete('/set t'), { text: '/set t', choices: ['temp', 'top-k', 'top-p', 'typical-p'] })
  t.equal(text('/set rep'), '/set repeat-')
  t.equal(text('/theme l'), '/theme light')
  for (const nothing of ['/', 'he', '/zzz', '/set zzz', '/stats x', '/load /no/such/folder/']) {
    t.equal(complete(nothing), undefined, nothing)
  }
})

t.test('completion of paths', async (t) => {
  const dir = t.testdir({ 'chat one.jsonl': '', 'chat two.jsonl': '', '.hidden': '', folder: { 'a.md': '' } })
  t.strictSame(complete(`/load ${dir}/c`), {
    text: `/load ${dir}/chat `,
    choices: [`${dir}/chat one.jsonl`, `${dir}/chat two.jsonl`],
  })
  t.equal(complete(`/load ${dir}/chat o`)?.text, `/load ${dir}/chat one.jsonl`)
  t.equal(complete(`/export ${dir}/f`)?.text, `/export ${dir}/folder/`)
  t.equal(complete(`/load ${dir}/.h`)?.text, `/load ${dir}/.hidden`)
})

t.test('the nearest name', async (t) => {
  const names = ['help', 'system', 'save', 'set', 'stats']
  t.equal(nearest('hlep', names), 'help', 'neighbours swapped')
  t.equal(nearest('sytem', names), 'system')
  t.equal(nearest('sav', names), 'save')
  t.equal(nearest('syst', names), 'system', 'a beginning')
  t.equal(nearest('st', names), 'stats', 'the only one that begins so')
  t.equal(nearest('sex', names), 'set', 'one edit away')
  t.equal(nearest('xyz', names), undefined)
  t.equal(nearest('x', names), undefined)
  t.equal(nearest('', names), undefined)
})
