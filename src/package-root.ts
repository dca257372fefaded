import { fileURLToPath } from 'node:url'

/**
 * The package's folder, with a trailing separator. This file is bundled into dist/ without folders below it, so the
 * folder above is the root there as it is here.
 */
export const packageRoot = fileURLToPath(new URL('../', import.meta.url))
