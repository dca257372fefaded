import { PieceType, spaceMark, type Vocab } from '../../src/formats/tokenizer/vocab.js'

/**
 * The tokenizer.json of a vocabulary, as Hugging Face's converter writes it for Llama tokenizers: every way of
 * splitting every normal piece is a merge, in the order of the scores.
 */
export function toTokenizerJson(vocab: Vocab) {
  const ids = new Map(vocab.pieces.map((piece, id) => [piece, id]))
  const merges: { pair: [string, string]; score: number }[] = []
  vocab.pieces.forEach((piece, id) => {
    if (vocab.types[id] !== PieceType.normal) return
    const chars = [...piece]
    for (let i = 1; i < chars.length; i++) {
      const pair: [string, string] = [chars.slice(0, i).join(''), chars.slice(i).join('')]
      if (pair.every((part) => ids.has(part))) merges.push({ pair, score: vocab.scores[id] as number })
    }
  })
  merges.sort((a, b) => b.score - a.score)
  const special = [PieceType.unknown, PieceType.control] as readonly number[]
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: vocab.pieces.flatMap((content, id) =>
      special.includes(vocab.types[id] as number)
        ? [
            {
              id,
              content,
              single_word: false,
              lstrip: false,
              rstrip: false,
              normalized: false,
              special: true,
            },
          ]
        : [],
    ),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: spaceMark },
        { type: 'Replace', pattern: { String: ' ' }, content: spaceMark },
      ],
    } as object | null,
    pre_tokenizer: null as object | null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    } as object | null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: spaceMark }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(ids) as Record<string, number>,
      merges: merges.map(({ pair }) => pair.join(' ')) as (string | [string, string])[],
    },
  }
}
