import { join } from 'node:path'
import t from 'tap'
import { stateDir } from '../../src/ui/state-dir.js'
import { isThemeName, THEMES, themeFor } from '../../src/ui/theme.js'

t.test('where state is kept', async (t) => {
  t.equal(stateDir({}, 'linux', '/home/u'), join('/home/u', '.local', 'state', 'openelm'))
  t.equal(stateDir({ XDG_STATE_HOME: '/s' }, 'linux', '/home/u'), join('/s', 'openelm'))
  t.equal(
    stateDir({ XDG_STATE_HOME: 's' }, 'linux', '/h'),
    join('/h', '.local', 'state', 'openelm'),
    'relative',
  )
  t.equal(stateDir({}, 'darwin', '/Users/u'), join('/Users/u', 'Library', 'Application Support', 'openelm'))
  t.equal(stateDir({ LOCALAPPDATA: '/l' }, 'win32', '/u'), join('/l', 'openelm'))
  t.equal(stateDir({}, 'win32', '/u'), join('/u', 'AppData', 'Local', 'openelm'))
})

t.test('the theme for an environment', async (t) => {
  t.equal(themeFor({}), 'dark')
  t.equal(themeFor({ COLORFGBG: '15;0' }), 'dark')
  t.equal(themeFor({ COLORFGBG: '0;default;15' }), 'light')
  t.equal(themeFor({ COLORFGBG: '0;7' }), 'light')
  t.equal(themeFor({ COLORFGBG: '0;15', OPENELM_THEME: 'dark' }), 'dark')
  t.equal(themeFor({ OPENELM_THEME: 'pink' }), 'dark', 'unknown names count as unset')
  t.equal(themeFor({ TERM: 'dumb' }), 'none')
  t.notOk(isThemeName('constructor'))
})

t.test('NO_COLOR takes the colours, whatever it is set to', async (t) => {
  const colored = (env: Record<string, string>) =>
    Object.values(THEMES[themeFor(env)]).some((style) => 'color' in style || 'dimColor' in style)
  t.ok(colored({}))
  t.ok(colored({ NO_COLOR: '' }), 'empty means unset')
  t.notOk(colored({ NO_COLOR: '1' }))
  t.notOk(colored({ NO_COLOR: '0', OPENELM_THEME: 'light' }))
})
