import { type Stats, statSync } from 'node:fs'
import { OpenElmError } from '../errors.js'
import type { NativeBinding, NativeMappedFile } from './binding.js'
import { loadNative } from './load.js'

/** Maps a file into memory; injectable so that code above can be tested without the addon. */
export type OpenFile = (path: string) => NativeMappedFile

/**
 * Maps a file read-only.
 * @param addon the one that will use it, where another than the ordinary one is loaded
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ
 */
export function openFile(path: string, addon?: NativeBinding): NativeMappedFile {
  const stats = statFile(path)
  if (stats.isDirectory()) {
    throw new OpenElmError('E_FILE_READ', `${path} is a folder.`, {
      why: 'A model file is needed.',
      next: 'Name a .gguf file, or make one from the folder with "openelm convert".',
    })
  }
  if (!stats.isFile() || stats.size === 0) {
    throw new OpenElmError('E_FILE_READ', `${path} could not be read.`, {
      why: stats.isFile() ? 'The file is empty.' : 'It is not a regular file.',
      next: 'Name a .gguf or .safetensors file.',
    })
  }
  const { MappedFile } = addon ?? loadNative()
  try {
    return new MappedFile(path)
  } catch (cause) {
    throw readError(path, cause)
  }
}

/**
 * What the file system knows of a path.
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ
 */
export function statFile(path: string): Stats {
  try {
    return statSync(path)
  } catch (cause) {
    throw readError(path, cause)
  }
}

function readError(path: string, cause: unknown): OpenElmError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new OpenElmError('E_FILE_NOT_FOUND', `${path} does not exist.`, {
      why: 'No file or folder has that path.',
      next: 'Check the path.',
      cause,
    })
  }
  return new OpenElmError('E_FILE_READ', `${path} could not be read.`, {
    why: cause instanceof Error ? `${cause.message}.` : String(cause),
    next: 'Check its permissions and that the disk is sound.',
    cause,
  })
}
