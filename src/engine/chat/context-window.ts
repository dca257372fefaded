import { OpenElmError } from '../../errors.js'

/** Which turns still fit, and the prompt that shows them. */
export interface Fit<P> {
  /** Index of the first turn the model sees. */
  readonly start: number
  readonly prompt: P
}

/**
 * Chooses how many of the oldest turns have to go so that a reply has room in the context.
 *
 * As long as the prompt and `reserve` tokens fit, nothing goes. When they no longer do, turns go until the prompt fills
 * at most half the context: each time the start of the prompt moves, the whole kv cache has to be evaluated again, so
 * that had better not happen every turn. The last turn always stays, even if less than `reserve` is then left.
 *
 * @param render prompt that begins with turn `start`; its length must not grow with `start`
 * @throws OpenElmError E_CONTEXT_FULL when the last turn alone leaves no room for a single token
 */
export function fitContext<P extends { readonly length: number }>(
  nCtx: number,
  reserve: number,
  turns: number,
  first: number,
  render: (start: number) => P,
): Fit<P> {
  let fit = { start: first, prompt: render(first) }
  if (fit.prompt.length + reserve > nCtx) {
    // The smallest start whose prompt fits: a long conversation is rendered log2(turns) times.
    let low = first + 1
    let high = turns - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const prompt = render(middle)
      if (prompt.length <= nCtx >> 1 || middle === turns - 1) {
        fit = { start: middle, prompt }
        high = middle - 1
      } else {
        low = middle + 1
      }
    }
  }
  if (fit.prompt.length >= nCtx) {
    throw new OpenElmError('E_CONTEXT_FULL', `The message needs ${fit.prompt.length} tokens of context.`, {
      why: `The context holds ${nCtx}, the reply included.`,
      next: 'Shorten the message or the system prompt, or start with a larger --ctx-size.',
    })
  }
  return fit
}
