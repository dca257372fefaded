/** Every command and program of README.md is run as a reader would run it. */
import tap from 'tap'
import { runPage } from './run-page.js'

tap.test('README.md', (t) => runPage(t, 'README.md'))
