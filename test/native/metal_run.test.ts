/** Runs the Metal device and its kernels on stand-ins for Metal (metal_check.cc prints TAP itself). */
import tap from 'tap'
import { buildProgram } from './gpu/metal-shim/program.js'
import { missing } from './gpu/metal-shim/tools.js'

tap.test('the Metal device and its kernels', { skip: missing, timeout: 240_000 }, async (t) => {
  const program = await buildProgram()
  const run = (family: string, ...args: string[]) =>
    t.spawn(program, ['--quick', ...args], { stdio: 'pipe', env: { ...process.env, SHIM_FAMILY: family } })
  // GPUs of the newest family multiply bf16 matrices, those of the oldest f32; all other kernels are the same.
  await run('9')
  await run('7', 'matmul Q8_0')
})
