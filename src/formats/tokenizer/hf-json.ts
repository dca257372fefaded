import type { z } from 'zod'
import { scoresFromMerges } from './hf-merges.js'
import {
  type PipelineStep,
  type TokenizerConfig,
  type TokenizerJson,
  tokenizerConfigSchema,
  tokenizerJsonSchema,
} from './hf-schema.js'
import { checkVocab, isBytePiece, limits, PieceType, spaceMark, tokenizerError, type Vocab } from './vocab.js'

type Fail = (why: string, cause?: unknown) => Error

/**
 * The vocabulary of a Hugging Face `tokenizer.json` that was made from a SentencePiece BPE model, as the Llama
 * family's are. What SentencePiece's algorithm cannot do the same way (byte-level BPE, Unicode normalization, other
 * pre-tokenizers) is refused.
 * @param config tokenizer_config.json, which names BOS and EOS
 * @throws OpenElmError E_TOKENIZER
 */
export function parseTokenizerJson(json: string, label: string, config: TokenizerConfig = {}): Vocab {
  const fail: Fail = (why, cause) => tokenizerError(label, why, cause)
  const parsed = parseJson(json, tokenizerJsonSchema, fail)
  const { model, added_tokens: added } = parsed
  if (model.continuing_subword_prefix || model.end_of_word_suffix || model.ignore_merges) {
    throw fail('Its model marks or merges words in a way that SentencePiece does not have.')
  }
  const pieces = readPieces(parsed, fail)
  const types = readTypes(parsed, pieces)
  const id = (name: string | null | undefined) => (name ? pieces.indexOf(name) : -1)
  const { single } = parsed.post_processor ?? {}
  const isSpecial = (at: number) => single?.at(at)?.SpecialToken !== undefined
  const bosName = config.bos_token ?? single?.at(0)?.SpecialToken?.id
  const named = (name: string) => added.find((token) => token.special && token.content === name)?.content
  return checkVocab(
    {
      pieces,
      scores: scoresFromMerges(model.merges, pieces, types, fail),
      types,
      bos: id(bosName ?? named('<s>')),
      eos: id(config.eos_token ?? named('</s>')),
      unk: id(model.unk_token ?? config.unk_token),
      addSpacePrefix: readSpaceHandling(parsed, pieces, types, fail),
      addBos: config.add_bos_token ?? isSpecial(0),
      addEos: config.add_eos_token ?? ((single?.length ?? 0) > 1 && isSpecial(-1)),
    },
    label,
  )
}

/**
 * The part of `tokenizer_config.json` that says which tokens surround a text.
 * @throws OpenElmError E_TOKENIZER
 */
export function parseTokenizerConfig(json: string, label: string): TokenizerConfig {
  return parseJson(json, tokenizerConfigSchema, (why, cause) => tokenizerError(label, why, cause))
}

function parseJson<Schema extends z.ZodType>(json: string, schema: Schema, fail: Fail): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw fail(`It is not JSON: ${error instanceof Error ? error.message : String(error)}.`, error)
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw fail(`At "${issue?.path.join('.')}": ${issue?.message}.`, result.error)
}

/** Pieces by id, which must be 0, 1, 2 … without gaps. Added tokens may repeat pieces of the vocabulary. */
function readPieces({ model, added_tokens }: TokenizerJson, fail: Fail): string[] {
  const byId = new Map<number, string>()
  const all = [
    ...Object.entries(model.vocab),
    ...added_tokens.map(({ content, id }) => [content, id] as const),
  ] as const
  for (const [piece, id] of all) {
    const other = byId.get(id)
    if (other !== undefined && other !== piece) throw fail(`Id ${id} is both "${other}" and "${piece}".`)
    byId.set(id, piece)
  }
  if (byId.size > limits.pieces) throw fail(`It has ${byId.size} pieces; the limit is ${limits.pieces}.`)
  return Array.from({ length: byId.size }, (_, id) => {
    const piece = byId.get(id)
    if (piece === undefined) throw fail(`Of its ${byId.size} ids, ${id} is missing.`)
    return piece
  })
}

function readTypes({ model, added_tokens }: TokenizerJson, pieces: readonly string[]): Uint8Array {
  const added = new Map(added_tokens.map(({ id, special }) => [id, special]))
  return Uint8Array.from(pieces, (piece, id) => {
    if (piece === model.unk_token) return PieceType.unknown
    const special = added.get(id)
    if (special !== undefined) return special ? PieceType.control : PieceType.userDefined
    return model.byte_fallback && isBytePiece(piece) ? PieceType.byte : PieceType.normal
  })
}

/**
 * Whether a space goes before the text. Accepted are the two ways in which SentencePiece's treatment of spaces is
 * written: the normalizers Prepend and Replace, or the pre-tokenizer Metaspace.
 */
function readSpaceHandling(
  json: TokenizerJson,
  pieces: readonly string[],
  types: Uint8Array,
  fail: Fail,
): boolean {
  let prefix = false
  let marked = false
  for (const step of json.normalizer) {
    if (step.type === 'Prepend' && step.prepend === spaceMark) prefix = true
    else if (step.type === 'Replace' && step.pattern?.String === ' ' && step.content === spaceMark)
      marked = true
    else throw fail(`Its normalizer "${step.type}" is not supported.`)
  }
  for (const step of json.pre_tokenizer) {
    if (step.type !== 'Metaspace' || (step.replacement ?? spaceMark) !== spaceMark) {
      throw fail(`Its pre-tokenizer "${step.type}" is not supported.`)
    }
    if (
      splitsSpaces(step) &&
      pieces.some((piece, id) => types[id] === PieceType.normal && piece.includes(spaceMark, 1))
    ) {
      throw fail('Its pre-tokenizer splits at spaces that its pieces contain.')
    }
    marked = true
    prefix ||= step.prepend_scheme ? step.prepend_scheme !== 'never' : (step.add_prefix_space ?? true)
  }
  if (!marked) throw fail('It does not mark spaces as SentencePiece does.')
  return prefix
}

const splitsSpaces = (step: PipelineStep): boolean => step.split ?? true
