import { stripVTControlCharacters } from 'node:util'
import { render } from 'ink-testing-library'
import t from 'tap'
import { StatusLine } from '../../src/ui/components/status-line.js'
import { widthOf } from '../../src/ui/text/rows.js'
import { THEMES } from '../../src/ui/theme.js'

function line(
  width: number,
  rate?: number,
  used = 95,
  size = 256,
  modelName = 'OpenELM-270M-Instruct',
  first?: number,
): string {
  const progress = { used, size, rate, first }
  const screen = render(
    <StatusLine modelName={modelName} progress={progress} width={width} theme={THEMES.dark} />,
  )
  const frame = stripVTControlCharacters(screen.lastFrame() ?? '')
  screen.unmount()
  return frame
}

t.test('model, speed, context', async (t) => {
  t.equal(line(80, 93.4), 'OpenELM-270M-Instruct · 93 tok/s · context ████░░░░░░ 95/256')
  t.equal(line(80), 'OpenELM-270M-Instruct · context ████░░░░░░ 95/256', 'no rate before the first reply')
  t.equal(line(80, 4.25), 'OpenELM-270M-Instruct · 4.3 tok/s · context ████░░░░░░ 95/256')
  t.equal(
    line(80, 93.4, 95, 256, 'M', 0.214),
    'M · 93 tok/s · first 214 ms · context ████░░░░░░ 95/256',
    'time to the first token',
  )
  t.match(line(80, 93.4, 95, 256, 'M', 1.26), 'first 1.3 s')
  t.match(line(80, 1, 0), '░░░░░░░░░░ 0/256')
  t.match(line(80, 1, 256), '██████████ 256/256')
})

t.test('narrow terminals: one line that fits, the context always', async (t) => {
  for (let width = 8; width <= 80; width++) {
    const text = line(width, 93)
    t.ok(widthOf(text) <= width && !text.includes('\n'), `${width}: ${text}`)
    t.match(text, /95\/256$/)
  }
  t.equal(line(50, 93), 'OpenELM-27… · 93 tok/s · context ████░░░░░░ 95/256')
  t.equal(line(20, 93), '93 tok/s · 95/256')
  for (let width = 1; width <= 80; width++) {
    const text = line(width, 93, 95, 256, '日本語のモデル', 0.5)
    t.ok(widthOf(text) <= width && !text.includes('\n'), `${width}: ${text}`)
  }
})
