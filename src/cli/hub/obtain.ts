import { parseReference } from '../../hub/reference.js'
import { hubSettings } from '../../hub/settings.js'
import { findModel } from '../../hub/store.js'
import type { Obtaining } from '../model-argument.js'
import { noSuchModel } from './errors.js'

/**
 * The path of a model named as on the hub. One that is here is found without any request; another is downloaded and
 * converted when --yes or the user at the terminal agrees.
 * @throws OpenElmError E_FILE_NOT_FOUND for text that is no name, E_NO_TTY, E_NOT_PULLED, and what pulling throws
 */
export async function obtainModel(name: string, obtaining: Obtaining): Promise<string> {
  const reference = parseReference(name)
  if (!reference) throw noSuchModel(name)
  const settings = hubSettings()
  const found = findModel(settings.modelsDir, reference)
  if (found) return found.path
  const { pullOnDemand } = await import('./pull-on-demand.js')
  return pullOnDemand(reference, settings, obtaining)
}
