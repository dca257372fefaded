// What the trials of all engines share: options, tests and their order, clock, memory. A trial is a process that is given
// {"model", "threads", "repetitions", "tests": [{"prompt", "gen", "depth"}…], …} and prints
// {"backend", "samples": [[tokens/s…]…], "memory": {"peak", "anonymous"}}: a list for each test, bytes.

import { readFileSync } from 'node:fs'

/** Any ids of the vocabulary will do: speed does not depend on them. */
export const someIds = (count) => Array.from({ length: count }, (_, i) => 10 + ((i * 37) % 4000))

/** Seconds of the clock. */
export const now = () => Number(process.hrtime.bigint()) / 1e9

let anonymous = 0

/** Bytes of a field of /proc/self/status; undefined where there is none. */
function statusField(name) {
  try {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
    return found ? Number(found[1]) * 1024 : undefined
  } catch {
    return undefined
  }
}

function sampleMemory() {
  anonymous = Math.max(anonymous, statusField('RssAnon') ?? 0)
}

/** Engines work off the main thread, so that this runs meanwhile; it takes some 20 µs. */
setInterval(sampleMemory, 50).unref()

/** The most the process ever held in memory, and the most of it that no file backs (sampled; 0 where unknown). */
function memory() {
  sampleMemory()
  return { peak: process.resourceUsage().maxRSS * 1024, anonymous }
}

/**
 * Runs every test briefly to warm up and then `repetitions` times.
 * @param engine
 *   backend: what computes;
 *   evaluate(ids): evaluates a prompt in an empty context;
 *   fill(depth): leaves a context of `depth` tokens;
 *   generate(depth, count): generates `count` tokens in a context that fill(depth) left, leaves it so, resolves to seconds
 */
export async function speed({ tests, repetitions }, engine) {
  const samples = []
  for (const { prompt, gen, depth } of tests) {
    const rates = []
    if (prompt > 0) {
      const timed = async (count) => {
        const ids = someIds(count)
        const start = now()
        await engine.evaluate(ids)
        return count / (now() - start)
      }
      await timed(Math.min(prompt, 64))
      for (let i = 0; i < repetitions; i++) rates.push(await timed(prompt))
    } else {
      await engine.fill(depth)
      await engine.generate(depth, Math.min(gen, 8))
      for (let i = 0; i < repetitions; i++) rates.push(gen / (await engine.generate(depth, gen)))
    }
    samples.push(rates)
  }
  return { backend: engine.backend, samples, memory: memory() }
}

/** Prints a result and ends the process, whatever threads an engine has left. */
export function finish(result) {
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}
