#!/usr/bin/env node
import module from 'node:module'

module.enableCompileCache?.() // Node.js 22.8 and later: compiled code is kept between runs
const { main } = await import('../dist/cli.js')
process.exitCode = await main(process.argv.slice(2))
