/** The converter of the documentation's pictures, on captures that are written down here. */
import tap from 'tap'
import { parseScreen } from '../../docs/screenshots/cells.js'
import { DARK, LIGHT, paint } from '../../docs/screenshots/colours.js'
import { screenSvg } from '../../docs/screenshots/svg.js'

const CSI = '\x1b['
const CAPTURE = [
  `${CSI}36m${CSI}1m› Define ocean.${CSI}0m`,
  '',
  `${CSI}2mfaint`,
  `still ${CSI}0mplain & <b>`,
  `日本 x${CSI}7m inverse ${CSI}27m`,
  `${CSI}32m██${CSI}2;39m░░${CSI}0m ┌─┐`,
  '',
  '',
].join('\n')

tap.test('cells: characters, their columns, their style', async (t) => {
  const rows = parseScreen(CAPTURE)
  t.equal(rows.length, 6, 'no empty rows at the end')
  t.match(rows[0]?.[0], { text: '›', width: 1, style: { foreground: 6, bold: true } })
  t.match(rows[3]?.[0], { text: 's', style: { dim: true } }, 'a style goes on in the next line')
  t.match(rows[3]?.[6], { text: 'p', style: { dim: false } })
  t.match(rows[4]?.slice(0, 3), [
    { text: '日', width: 2 },
    { text: '本', width: 2 },
    { text: ' ', width: 1 },
  ])
  t.match(rows[4]?.[4], { style: { inverse: true } })
  t.match(rows[5]?.[2], { text: '░', style: { foreground: undefined, dim: true } })
  t.match(parseScreen('e\u0301👩‍👩‍👧!')[0], [
    { text: 'e\u0301', width: 1 },
    { text: '👩‍👩‍👧', width: 2 },
    { text: '!' },
  ])
})

tap.test('colours: named, of 256, mixed, default; what is no colour', async (t) => {
  const styleOf = (codes: string) => parseScreen(`${CSI}${codes}mx`)[0]?.[0]?.style
  t.match(styleOf('95'), { foreground: 13 })
  t.match(styleOf('104'), { background: 12 })
  t.match(styleOf('1;38;5;196;4'), { foreground: 196, bold: true, underline: true })
  t.match(styleOf('48;2;1;20;255'), { background: '#0114ff' })
  t.match(styleOf('31;39;42;49;3;23;9;29'), { foreground: undefined, background: undefined, italic: false })
  t.match(styleOf('1;2;22'), { bold: false, dim: false })
  t.match(styleOf('31;'), { foreground: undefined }, 'no number is 0')
  const text = parseScreen(`\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\${CSI}K!`)[0]
  t.equal(text?.map((cell) => cell.text).join(''), 'link!')

  const plain = { ...(styleOf('0') as NonNullable<ReturnType<typeof styleOf>>) }
  t.same(paint(DARK, plain), { ink: DARK.foreground })
  t.same(paint(DARK, { ...plain, inverse: true }), { ink: DARK.background, ground: DARK.foreground })
  t.same(paint(LIGHT, { ...plain, foreground: 196 }), { ink: '#ff0000' })
  t.same(paint(DARK, { ...plain, foreground: 232 }), { ink: '#080808' })
})

tap.test('the picture', async (t) => {
  const svg = screenSvg(CAPTURE, { title: 'a & b', columns: 20, cursor: [2, 1] })
  t.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 204 178"/)
  t.match(svg, '<title>a &amp; b</title>')
  t.match(svg, /<text [^>]*font-weight="700">Define ocean\.<\/text>/)
  t.match(svg, />plain &amp; &lt;b&gt;</)
  t.match(svg, /<text x="18" y="138" textLength="16.8"[^>]*>日</, 'a wide character has two columns')
  t.match(svg, /<text x="34.8" y="138" textLength="16.8"[^>]*>本</)
  t.match(
    svg,
    /<rect x="68.4" [^>]*fill="#d8dde6"\/><text x="76.8"[^>]*fill="#171a21">inverse</,
    'a ground and ink',
  )
  t.match(svg, /<rect x="18" y="143" width="16.8" height="19" fill="#8fce7c"\/>/, 'blocks meet')
  t.match(svg, '<path d="M64.2 152.5H68.4M64.2 152.5V162', 'lines begin in the middle of a cell')
  t.match(
    svg,
    '<rect x="34.8" y="67" width="8.4" height="19" fill="#d8dde6" fill-opacity="0.75"/>',
    'the cursor',
  )
  t.equal(svg, screenSvg(CAPTURE, { title: 'a & b', columns: 20, cursor: [2, 1] }), 'the same every time')
})
