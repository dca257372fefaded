import { OpenElmError } from '../../errors.js'
import { shortNames } from '../../model/published.js'
import { nearest } from '../../ui/nearest.js'

/** For text that is neither a path nor a name. */
export function noSuchModel(name: string): OpenElmError {
  const near = nearest(name.toLowerCase(), shortNames)
  return new OpenElmError('E_FILE_NOT_FOUND', `The model "${name}" does not exist.`, {
    why: near
      ? `Did you mean "${near}"?`
      : 'It is no file, and no name of a model such as 270m-instruct or owner/name.',
    next: `Name a GGUF file, or one of ${shortNames.join(', ')}.`,
  })
}

/** For a name of something that was not pulled. */
export const notHere = (name: string): OpenElmError =>
  new OpenElmError('E_NOT_PULLED', `${name} is not on this machine.`, {
    why: 'It was not pulled, or was removed.',
    next: 'See "openelm list" for what is here.',
  })
