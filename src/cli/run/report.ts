import { computedBy } from '../../engine/computed-by.js'
import type { Model } from '../../engine/model.js'
import type { GenerateResult } from '../../engine/types.js'

const round = (value: number, digits: number) => Number(value.toFixed(digits))
const ms = (seconds: number) => round(seconds * 1000, 3)

/** What an answer of `--batch` has besides its id: names and units as in `--json`. */
export function answerFields(result: GenerateResult, promptTokens: number) {
  const { text, finishReason, stopString, tokens, timings } = result
  return {
    text,
    finish_reason: finishReason,
    stop_string: stopString ?? null,
    usage: { prompt_tokens: promptTokens, completion_tokens: tokens.length },
    timings: {
      prefill_ms: ms(timings.prefillSeconds),
      first_token_ms: ms(timings.firstTokenSeconds),
      decode_ms: ms(timings.decodeSeconds),
    },
  }
}

/** An answer and the length of its prompt, of which `cached` tokens came from a prompt cache, where there is one. */
export interface RunAnswer {
  readonly result: GenerateResult
  readonly prompt: { readonly tokens: number; readonly cached: number | undefined }
}

/** What `--json` prints: one object. Names are those of the field's APIs; durations are in milliseconds. */
export function jsonReport(model: Model, { result, prompt }: RunAnswer, loadSeconds: number) {
  const { timings } = result
  const details =
    prompt.cached === undefined ? {} : { prompt_tokens_details: { cached_tokens: prompt.cached } }
  return {
    model: model.name,
    text: result.text,
    tokens: Array.from(result.tokens),
    finish_reason: result.finishReason,
    stop_string: result.stopString ?? null,
    usage: { prompt_tokens: prompt.tokens, completion_tokens: result.tokens.length, ...details },
    timings: {
      load_ms: ms(loadSeconds),
      prefill_ms: ms(timings.prefillSeconds),
      first_token_ms: ms(timings.firstTokenSeconds),
      decode_ms: ms(timings.decodeSeconds),
      sample_ms: ms(timings.sampleSeconds),
      prefill_tokens_per_second: round(timings.prefillRate, 2),
      decode_tokens_per_second: round(timings.decodeRate, 2),
    },
  }
}

/** What `--stats` prints on stderr. */
export function statsReport(model: Model, result: GenerateResult, loadSeconds: number): string {
  const { timings, tokens, finishReason } = result
  const row = (name: string, value: string) => `${name.padEnd(9)} ${value}`
  const speed = (rate: number) => (rate > 0 ? `, ${rate.toFixed(1)} tokens/s` : '')
  return `${[
    row('model', `${model.name} ${model.type}, ${computedBy(model)}`),
    row('load', `${ms(loadSeconds).toFixed(0)} ms`),
    row(
      'prefill',
      `${timings.promptTokens} tokens in ${ms(timings.prefillSeconds).toFixed(1)} ms${speed(timings.prefillRate)}`,
    ),
    row(
      'decode',
      `${tokens.length} tokens in ${ms(timings.decodeSeconds).toFixed(1)} ms${speed(timings.decodeRate)}`,
    ),
    row('first', `token after ${ms(timings.firstTokenSeconds).toFixed(1)} ms`),
    row('ended', finishReason),
  ].join('\n')}\n`
}
