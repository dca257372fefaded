/** The commands convert and inspect as a user runs them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import type { Inspection } from '../../src/model/inspection.js'
import { startCli } from '../support/child.js'
import { tinyConfig, tinyGguf } from '../support/tiny-model.js'

const folder = tap.testdir({ 'tiny.gguf': tinyGguf().bytes, 'template.jinja': '{{ messages[0].content }}' })
const lexicon = 'test/golden/lexicon'
const cli = (...args: string[]) => startCli(...args).exit
const inspectJson = async (path: string) =>
  JSON.parse((await cli('inspect', path, '--json')).stdout) as Inspection

tap.test('convert prints a summary on stderr and nothing else', async (t) => {
  const output = join(folder, 'lexicon.gguf')
  const { code, stdout, stderr } = await cli(
    'convert',
    lexicon,
    '-o',
    output,
    '--name',
    'Lex',
    '--license',
    'free',
  )
  t.equal(code, 0, stderr)
  t.equal(stdout, '')
  t.match(
    stderr,
    /lexicon\.gguf: Lex, 5,821,184 parameters, 74 tensors, q8_0, 6\.0 MiB\nThe tokenizer is tokenizer\.model\.\n/,
  )
  t.notMatch(stderr, /█|\p{Cc}\[/u, 'no progress bar without a terminal')
  const again = await cli('convert', lexicon, '-o', output)
  t.equal(again.code, 1)
  t.match(again.stderr, /^error: .*exists already.*\nwhy: .*\nnext: .*--force\.\n$/)
  const forced = await cli('convert', output, '-o', join(folder, 'q4.gguf'), '--type', 'q4_0', '-q')
  t.same([forced.code, forced.stderr], [0, ''])
  const inspection = await inspectJson(join(folder, 'q4.gguf'))
  t.match(inspection, { name: 'Lex', fileType: 'Q4_0', metadata: { 'general.license': 'free' } })
})

tap.test('--chat-template: none, instruct, a file', async (t) => {
  const output = join(folder, 'templates.gguf')
  const template = async (what: string) => {
    const { code, stderr } = await cli('convert', lexicon, '-o', output, '--force', '--chat-template', what)
    t.equal(code, 0, stderr)
    return (await inspectJson(output)).metadata['tokenizer.chat_template']
  }
  t.equal(await template('none'), undefined)
  t.match(await template('instruct'), /<\|system\|>/)
  t.equal(await template(join(folder, 'template.jinja')), '{{ messages[0].content }}')
  const missing = await cli('convert', lexicon, '-o', output, '--force', '--chat-template', 'gone.jinja')
  t.match(missing, { code: 1, stderr: /gone\.jinja could not be read/ })
})

tap.test('wrong usage exits with 2', async (t) => {
  const cases = [
    ['convert'],
    ['convert', lexicon],
    ['convert', lexicon, '-o', 'x', '--type', 'q9'],
    ['inspect'],
    ['inspect', 'a', 'b'],
  ]
  for (const args of cases) {
    const { code, stderr } = await cli(...args)
    t.equal(code, 2, args.join(' '))
    t.match(stderr, /^error: /)
  }
})

tap.test('inspect as text', async (t) => {
  const tiny = join(folder, 'tiny.gguf')
  const { code, stdout, stderr } = await cli('inspect', tiny)
  t.equal(code, 0, stderr)
  t.match(stdout, /GGUF v3, alignment 32/)
  t.match(stdout, /\n {6}1 {6}4 {9}2 {9}96 +\d/, 'the row of layer 1')
  t.match(stdout, /blk\.N\.ffn_gate\.weight +2 +Q8_0 +32…96 × 64/)
  t.match(stdout, /Memory with the whole context of 128 tokens/)
  t.match(
    (await cli('inspect', tiny, '--tensors')).stdout,
    /blk\.1\.ffn_down\.weight +Q8_0 +64 × 96 +6,528 +\d/,
  )
})

tap.test('inspect --json of GGUF, safetensors file and folder', async (t) => {
  const gguf = await inspectJson(join(folder, 'tiny.gguf'))
  t.same(gguf.config, tinyConfig)
  t.equal(gguf.tensors.length, 20)
  t.same(gguf.memory?.kvBytes, {
    f32: 2 * 32 * 3 * 128 * 4,
    f16: 2 * 32 * 3 * 128 * 2,
    q8_0: 2 * 34 * 3 * 128,
  })
  t.same(gguf.metadata['openelm.attention.head_count'], [2, 4])
  const [file, whole] = [await inspectJson(`${lexicon}/model.safetensors`), await inspectJson(lexicon)]
  t.same(file.config, whole.config)
  t.equal(whole.parameters, 5821184)
  t.equal(whole.format, 'safetensors')
  t.equal(whole.layers.reduce((sum, layer) => sum + layer.parameters, 0) + 4096 * 256 + 256, whole.parameters)
})

tap.test('inspect of a valid file of another model says why it cannot be run', async (t) => {
  const text = tinyGguf().bytes.toString('latin1').replace('openelm', 'mamba42')
  const other = join(folder, 'other.gguf')
  writeFileSync(other, Buffer.from(text, 'latin1'))
  t.match(await inspectJson(other), {
    problem: { code: 'E_UNSUPPORTED', why: /"mamba42" architecture/ },
    layers: [],
  })
  t.match(await cli('inspect', other), { code: 0, stdout: /not usable +It holds a model of the "mamba42"/ })
  writeFileSync(join(folder, 'cut.gguf'), readFileSync(other).subarray(0, 3000))
  for (const [path, code] of [
    ['cut.gguf', 'E_FORMAT'],
    ['gone.gguf', 'E_FILE_NOT_FOUND'],
    ['template.jinja', 'E_FORMAT'],
  ] as const) {
    const { code: exit, stderr } = await cli('inspect', join(folder, path))
    t.equal(exit, 1)
    t.match(stderr, new RegExp(`^error: .*\\(${code}\\)\\nwhy: `), path)
  }
})
