import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OpenElmError } from '../../errors.js'

/**
 * Lets the user change a text in $VISUAL, $EDITOR or the system's simplest one, and returns what was saved there. The
 * process waits meanwhile: whatever else it would write would go into the middle of the editor's screen.
 * @throws OpenElmError E_USAGE when the editor cannot be started or fails
 */
export function editExternally(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): string {
  const windows = platform === 'win32'
  const editor = env.VISUAL || env.EDITOR || (windows ? 'notepad' : 'vi')
  const folder = mkdtempSync(join(tmpdir(), 'openelm-'))
  try {
    const file = join(folder, 'message.md')
    writeFileSync(file, text, { mode: 0o600 })
    // Through a shell, as git does it: the variables may hold options.
    const { status, error } = windows
      ? spawnSync(`${editor} "${file}"`, { stdio: 'inherit', shell: true })
      : spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
    if (error || status !== 0) {
      throw new OpenElmError('E_USAGE', `The editor "${editor}" failed; the text is as it was.`, {
        why: error ? error.message : `It ended with ${status ?? 'a signal'}.`,
        next: 'Set VISUAL or EDITOR to the one you use.',
        cause: error,
      })
    }
    return readFileSync(file, 'utf8').replace(/\n$/, '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
