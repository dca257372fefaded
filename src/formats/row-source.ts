import type { NativeMappedFile } from '../native/binding.js'

/** Rows of weights that can be read or converted a few at a time: a mapped file, or what is computed from one. */
export type RowSource = Pick<NativeMappedFile, 'size' | 'read' | 'convert'>
