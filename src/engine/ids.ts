import { OpenElmError } from '../errors.js'
import { show } from './validate.js'

/**
 * Token ids from a caller, checked.
 * @throws OpenElmError E_USAGE for none at all, or one that is not in the vocabulary
 */
export function checkIds(ids: Int32Array | readonly number[], vocabSize: number): Int32Array {
  if (!(ids instanceof Int32Array) && !Array.isArray(ids)) {
    throw new OpenElmError('E_USAGE', `Expected text or token ids for the prompt but received ${show(ids)}.`)
  }
  if (ids.length === 0) {
    throw new OpenElmError('E_USAGE', 'Expected at least one token id but received none.', {
      why: 'The logits that choose the next token are those of the last one given.',
    })
  }
  const last = vocabSize - 1
  const at = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id <= last))
  if (at >= 0) {
    throw new OpenElmError(
      'E_USAGE',
      `Expected an integer between 0 and ${last} for ids[${at}] but received ${show(ids[at])}.`,
      { why: `The model's vocabulary has ${vocabSize} tokens.` },
    )
  }
  return ids instanceof Int32Array ? ids : Int32Array.from(ids)
}

/** The error for text where the model has no tokenizer. */
export function noTokenizer(what: string): OpenElmError {
  return new OpenElmError('E_TOKENIZER', `The model cannot ${what}.`, {
    why: 'Its file has no tokenizer.',
    next: 'Convert the checkpoint again with "openelm convert", which adds one.',
  })
}

/** A copy of `ids` with one more in front. */
export function prepend(id: number, ids: Int32Array): Int32Array {
  const all = new Int32Array(ids.length + 1)
  all[0] = id
  all.set(ids, 1)
  return all
}

export const sameIds = (a: Int32Array, b: Int32Array): boolean =>
  a.length === b.length && a.every((id, i) => id === b[i])
