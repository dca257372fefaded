/** The question before a download, in a real terminal. */
import tap, { type Test } from 'tap'
import { hasTmux, Terminal } from '../ui/tmux.js'
import { appleCard, lexiconFiles, place } from './fixtures.js'

const skip = hasTmux ? false : 'tmux is not installed'

async function open(t: Test, args: readonly string[]) {
  const { hub, env } = await place(t)
  hub.serve('apple/OpenELM-270M-Instruct', { files: lexiconFiles(), card: appleCard })
  const unset = { CI: undefined, CONTINUOUS_INTEGRATION: undefined, OPENELM_MODEL: undefined }
  const terminal = new Terminal(args, [100, 30], { ...unset, XDG_STATE_HOME: t.testdir({}), ...env })
  t.teardown(() => terminal.close())
  return { hub, terminal }
}

const question =
  /shown once:\n\nYou may use[\s\S]*Download apple\/OpenELM-270M-Instruct \(11\.\d MiB, licence test-licence\)\? \[y\/N\]/

tap.test('yes: it downloads, converts and answers', { skip }, async (t) => {
  const { terminal } = await open(t, ['run', '-m', '270m-instruct', 'Define ocean.'])
  await terminal.until(question)
  terminal.type('y')
  terminal.press('Enter')
  const screen = await terminal.until(/exit code/)
  t.match(screen, /Downloading[\s\S]*Converting[\s\S]*Ocean is a noun[\s\S]*exit code 0/)
})

tap.test('no, or no answer: nothing is downloaded', { skip }, async (t) => {
  for (const keys of [['n', 'Enter'], ['Enter'], ['C-d']]) {
    const { hub, terminal } = await open(t, ['chat', '270m-instruct'])
    await terminal.until(question)
    terminal.press(...keys)
    t.match(await terminal.until(/exit code/), /was not downloaded\. \(E_NOT_PULLED\)[\s\S]*exit code 1/)
    t.same(hub.ranges(/safetensors/), [])
  }
})

tap.test('Ctrl-C at the question ends it with 130', { skip }, async (t) => {
  const { terminal } = await open(t, ['chat', '270m-instruct'])
  await terminal.until(question)
  terminal.press('C-c')
  t.match(await terminal.until(/exit code/), /E_ABORTED[\s\S]*exit code 130/)
})

tap.test('chat goes on after the download; a base model is refused before it', { skip }, async (t) => {
  const { terminal } = await open(t, ['chat', '--yes', '270m-instruct'])
  await terminal.until(/Ask something/)
  terminal.type('Define ocean.')
  terminal.press('Enter')
  await terminal.until(/hydrosphere/)
  const base = await open(t, ['chat', '270m'])
  t.match(await base.terminal.until(/exit code/), /270m cannot chat[\s\S]*270m-instruct[\s\S]*exit code 1/)
  t.same(base.hub.requests, [])
})
