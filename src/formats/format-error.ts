import { OpenElmError } from '../errors.js'

const nextByKind = {
  damaged: 'The file is damaged or was not downloaded completely: fetch or convert it again.',
  unsupported: 'Convert the original checkpoint with "openelm convert".',
}

/**
 * A file whose content is wrong (E_FORMAT).
 * @param label what the user calls the file, usually its path
 * @param why what is wrong, with the offending value, one sentence
 */
export function formatError(label: string, why: string, next = nextByKind.damaged): OpenElmError {
  return new OpenElmError('E_FORMAT', `${label} is not a valid model file.`, { why, next })
}

/** A valid file that asks for something this package does not have (E_UNSUPPORTED). */
export function unsupportedError(label: string, why: string, next = nextByKind.unsupported): OpenElmError {
  return new OpenElmError('E_UNSUPPORTED', `${label} cannot be used.`, { why, next })
}
