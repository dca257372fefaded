/**
 * The types of the Metal backend on a machine without Metal: its kernels as what comes closest to Metal's language, its
 * Objective-C++ against declarations of what it uses of Metal. metal_run.test.ts runs both.
 */
import { join } from 'node:path'
import tap from 'tap'
import { filesUnder, textOf } from '../support/files.js'
import { addressSpaceErrors, cxx14Errors, hostErrors, metalSource, missing } from './gpu/metal-shim/tools.js'

const options = { skip: missing, timeout: 240_000 }

/** The text with one place changed. */
function planted(source: string, from: string, to: string): string {
  if (!source.includes(from)) throw new Error(`there is no "${from}" to change`)
  return source.replace(from, () => to)
}

tap.test('kernels keep to address spaces and to the language', options, async (t) => {
  const source = metalSource()
  for (const bf16 of [false, true]) {
    t.same(addressSpaceErrors(source, bf16), [], `address spaces, ${bf16 ? 'bf16' : 'f32'} matrices`)
    t.same(cxx14Errors(source, bf16), [], `C++14, ${bf16 ? 'bf16' : 'f32'} matrices`)
  }
})

tap.test('errors that only Metal would report are found', options, async (t) => {
  const source = metalSource()
  const run = 'thread float* out) {\n  device const float* x'
  const cases: [name: string, from: string, to: string][] = [
    [
      'device memory for threadgroup memory',
      'rms_norm(group, args, at.x, OPENELM_SHARED(float))',
      'rms_norm(group, args, at.x, openelm::gpu::at<float>(args.y))',
    ],
    [
      'a cast between address spaces',
      'reinterpret_cast<threadgroup float*>(shared)',
      '(threadgroup float*)(openelm::gpu::at<float>(args.y))',
    ],
    ['a pointer without address space', run, run.replace('thread ', '')],
    [
      'a member function of what is in device memory',
      run,
      `thread float* out) {\n  at<const Group>(args.x)->barrier();\n${run.split('\n')[1]}`,
    ],
    [
      'a variable that is not constant',
      'constant constexpr uint32_t kDepth',
      'int planted = 1;\nconstant constexpr uint32_t kDepth',
    ],
    [
      'a number in double precision',
      'const uint32_t first_row = row_tile',
      'const float half_tile = 0.5;\n  const uint32_t first_row = row_tile',
    ],
    [
      'a lambda',
      'const uint32_t first_row = row_tile',
      'const auto planted = [] { return 1; };\n  const uint32_t first_row = planted() * row_tile',
    ],
    [
      'a name that is a word of the language',
      'const uint32_t first_row = row_tile',
      'const uint32_t half = 2;\n  const uint32_t first_row = half * row_tile',
    ],
  ]
  for (const [name, from, to] of cases)
    t.not(addressSpaceErrors(planted(source, from, to), false).length, 0, name)
  const tile = 'for (uint32_t col = 0; col < args.w.cols; col += kDepth) {'
  t.not(cxx14Errors(planted(source, tile, `if constexpr (kDepth == 32) ${tile}`), false).length, 0, 'C++17')
})

const hostFiles = filesUnder('native/gpu/metal', /\.mm$/)

tap.test("the Objective-C++ keeps to Metal's interfaces", options, async (t) => {
  t.ok(hostFiles.length > 0, 'there is some')
  for (const path of hostFiles) t.same(hostErrors(textOf(path)), [], path)
})

tap.test('errors in Objective-C++ are found', options, async (t) => {
  const cases: [name: string, file: string, from: string, to: string][] = [
    ['a method that Metal lacks', 'stream.mm', '[current_ commit]', '[current_ submit]'],
    [
      'an argument of another type',
      'stream.mm',
      '[encoder_ setComputePipelineState:pipeline]',
      '[encoder_ setComputePipelineState:staging_]',
    ],
    [
      'what only newer systems have',
      'create.mm',
      'if (@available(macOS 13.0, *)) {\n    for',
      'if (@available(macOS 12.0, *)) {\n    metal::Library(usable_devices()[0]);\n    for',
    ],
    ['a member of other arguments', 'ops.mm', 'args.max_chunks =', 'args.chunks ='],
  ]
  for (const [name, file, from, to] of cases)
    t.not(hostErrors(planted(textOf(join('native/gpu/metal', file)), from, to)).length, 0, name)
})
