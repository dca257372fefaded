import { basename } from 'node:path'
import { vocabFromFolder } from '../formats/tokenizer/from-folder.js'
import { ggufTokenizerMetadata } from '../formats/tokenizer/gguf-vocab.js'
import { llama2Vocab } from '../formats/tokenizer/llama2.js'
import type { LoadTokenizer } from './tokenizer.js'

/** The tokenizer in a checkpoint's folder; Llama 2's, which OpenELM was trained with, where there is none. */
export const loadTokenizer: LoadTokenizer = async (folder) => {
  const found = await vocabFromFolder(folder)
  const vocab = found?.vocab ?? (await llama2Vocab())
  return {
    size: vocab.pieces.length,
    origin: found ? basename(found.path) : "Llama 2's, which comes with openelm",
    metadata: ggufTokenizerMetadata(vocab),
  }
}
