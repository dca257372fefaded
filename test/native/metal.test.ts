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
  const cases: [name: string, from: string, to: string, expected: RegExp][] = [
    [
      'device memory for threadgroup memory',
      'rms_norm(group, args, at.x, OPENELM_SHARED(float))',
      'rms_norm(group, args, at.x, openelm::gpu::at<float>(args.y))',
      /no matching function for call to 'rms_norm'/,
    ],
    [
      'a cast between address spaces',
      'reinterpret_cast<threadgroup float*>(shared)',
      '(threadgroup float*)(openelm::gpu::at<float>(args.y))',
      /C-style cast from '__global float \*' to '__local float \*'/,
    ],
    ['a pointer without address space', run, run.replace('thread ', ''), /^out, .* names no address space/],
    [
      'a member function of what is in device memory',
      run,
      `thread float* out) {\n  at<const Group>(args.x)->barrier();\n${run.split('\n')[1]}`,
      /^a member function is called on '__global const openelm::gpu::Group \*'/,
    ],
    [
      'a variable that is not constant',
      'constant constexpr uint32_t kDepth',
      'int planted = 1;\nconstant constexpr uint32_t kDepth',
      /^the variable planted, .* is not constant/,
    ],
    [
      'a number in double precision',
      'const uint32_t first_row = row_tile',
      'const uint32_t first_row = 0.5 < row_tile ? 0 : row_tile',
      /^Metal has no 'double'/,
    ],
    [
      'a lambda',
      'const uint32_t first_row = row_tile',
      'const auto planted = [] { return 1; };\n  const uint32_t first_row = planted() * row_tile',
      /^Metal has no LambdaExpr/,
    ],
    [
      'a name that is a word of the language',
      'const uint32_t first_row = row_tile',
      'const uint32_t half = 2;\n  const uint32_t first_row = half * row_tile',
      /error: expected unqualified-id/,
    ],
  ]
  for (const [name, from, to, expected] of cases)
    t.match(addressSpaceErrors(planted(source, from, to), false)[0], expected, name)
  const tile = 'for (uint32_t col = 0; col < args.w.cols; col += kDepth) {'
  const newer = planted(source, tile, `if constexpr (kDepth == 32) ${tile}`)
  t.match(cxx14Errors(newer, false)[0], /if constexpr/, 'C++17')
})

const hostFiles = filesUnder('native/gpu/metal', /\.mm$/)

tap.test("the Objective-C++ keeps to Metal's interfaces", options, async (t) => {
  t.ok(hostFiles.length > 0, 'there is some')
  for (const path of hostFiles) t.same(hostErrors(textOf(path)), [], path)
})

tap.test('errors in Objective-C++ are found', options, async (t) => {
  const cases: [name: string, file: string, from: string, to: string, expected: RegExp][] = [
    ['a method that Metal lacks', 'stream.mm', '[current_ commit]', '[current_ submit]', /selector 'submit'/],
    [
      'an argument of another type',
      'stream.mm',
      '[encoder_ setComputePipelineState:pipeline]',
      '[encoder_ setComputePipelineState:staging_]',
      /no viable conversion from .* to 'id<MTLComputePipelineState>'/,
    ],
    [
      'what only newer systems have',
      'create.mm',
      'if (@available(macOS 13.0, *)) {\n    for',
      'if (@available(macOS 12.0, *)) {\n    metal::Library library{usable_devices()[0]};\n    for',
      /'Library' is only available on macOS 13\.0 or newer/,
    ],
    [
      'a member of other arguments',
      'ops.mm',
      'args.max_chunks =',
      'args.chunks =',
      /no member named 'chunks'/,
    ],
  ]
  for (const [name, file, from, to, expected] of cases)
    t.match(hostErrors(planted(textOf(join('native/gpu/metal', file)), from, to))[0], expected, name)
})
