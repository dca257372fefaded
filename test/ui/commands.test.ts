import t from 'tap'
import { COMMANDS, completeCommand, helpText, parseInput } from '../../src/ui/commands.js'
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
  for (const { name, argument, about } of COMMANDS) {
    t.ok(help.includes(`/${name}${argument ? ` ${argument}` : ''}`), name)
    t.ok(help.includes(about), about)
  }
  for (const [keys] of KEY_HELP) t.ok(help.includes(keys), keys)
  t.ok(
    help.split('\n').every((line) => line.length <= 80),
    'fits into 80 columns',
  )
})

t.test('completion', async (t) => {
  t.equal(completeCommand('/sy'), '/system ')
  t.equal(completeCommand('/he'), '/help')
  t.equal(completeCommand('/s'), undefined, 'system, save, set, stats')
  t.equal(completeCommand('/'), undefined)
  t.equal(completeCommand('he'), undefined)
  t.equal(completeCommand('/zzz'), undefined)
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
