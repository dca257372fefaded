// Reads TAP that the test runner wrote and prints, last, one line: "N passed, N failed, N skipped".
//
//   node .ci/summary.mjs build/ci/*.tap
//
// Counts assertions at the leaves. A test file that ended badly without a failing assertion (crash, timeout, wrong
// plan) counts as one failure, and so does a file of TAP that holds no test at all. Exits 1 when anything failed.

import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Parser } from 'tap-parser'

const tally = { passed: 0, failed: 0, skipped: 0 }
const failures = []

/** Adds the results of one (sub)test. Resolves `failed` of the child that a closing test point stands for. */
function count(parser, path) {
  const before = () => tally.failed
  let childStart = before()
  parser.on('child', (child) => {
    childStart = before()
    count(child, [...path, child.name])
  })
  parser.on('assert', (result) => {
    const name = [...path, result.name].filter(Boolean).join(' › ')
    const empty = result.skip === 'no tests found'
    const explained = result.closingTestPoint && tally.failed > childStart
    if (result.ok && result.closingTestPoint && !empty) return
    if (empty || (!result.ok && !result.todo && !result.skip)) {
      if (explained) return
      tally.failed++
      failures.push({ name, diag: empty ? 'no tests found' : result.diag })
    } else if (result.skip || result.todo) {
      tally.skipped++
    } else {
      tally.passed++
    }
  })
  parser.on('bailout', (reason) => {
    if (path.length > 1) return
    tally.failed++
    failures.push({ name: path.join(' › '), diag: `bail out: ${reason}` })
  })
}

for (const file of process.argv.slice(2)) {
  const before = { ...tally }
  const parser = new Parser()
  count(parser, [basename(file, '.tap')])
  await pipeline(createReadStream(file), parser)
  const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((key) => tally[key] - before[key])
  if (passed + failed === 0) {
    tally.failed++
    failures.push({ name: basename(file, '.tap'), diag: 'no test ran' })
  }
  console.log(`${basename(file, '.tap')}: ${passed} passed, ${failed} failed, ${skipped} skipped.`)
}
if (tally.passed + tally.failed === 0) {
  tally.failed++
  failures.push({ name: 'all', diag: 'no test ran' })
}

for (const { name, diag } of failures) {
  console.log(`\nFAILED ${name}`)
  if (diag) console.log(typeof diag === 'string' ? diag : JSON.stringify(diag, null, 2))
}
console.log(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`)
process.exitCode = tally.failed > 0 ? 1 : 0
