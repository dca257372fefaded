import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenElmError } from '../../errors.js'
import { parseTokenizerConfig, parseTokenizerJson } from './hf-json.js'
import type { TokenizerConfig } from './hf-schema.js'
import { parseSentencePieceModel } from './sentencepiece-model.js'
import type { Vocab } from './vocab.js'

const maxBytes = 256 * 2 ** 20

/** A vocabulary and the file it was read from. */
export interface FolderVocab {
  readonly vocab: Vocab
  readonly path: string
}

/**
 * The tokenizer of a checkpoint folder: `tokenizer.model`, else `tokenizer.json`; `tokenizer_config.json` says whether
 * BOS and EOS are added. Undefined when the folder has neither, as Apple's checkpoints.
 * @throws OpenElmError E_TOKENIZER for a file that is there and no good, E_FILE_READ when it cannot be read
 */
export async function vocabFromFolder(folder: string): Promise<FolderVocab | undefined> {
  const config = await readConfig(join(folder, 'tokenizer_config.json'))
  const modelPath = join(folder, 'tokenizer.model')
  const model = await readIfThere(modelPath)
  if (model) {
    const vocab = parseSentencePieceModel(model, modelPath)
    const { add_bos_token: addBos, add_eos_token: addEos } = config
    return {
      vocab: { ...vocab, addBos: addBos ?? vocab.addBos, addEos: addEos ?? vocab.addEos },
      path: modelPath,
    }
  }
  const jsonPath = join(folder, 'tokenizer.json')
  const json = await readIfThere(jsonPath)
  if (!json) return undefined
  return { vocab: parseTokenizerJson(json.toString('utf8'), jsonPath, config), path: jsonPath }
}

async function readConfig(path: string): Promise<TokenizerConfig> {
  const bytes = await readIfThere(path)
  return bytes ? parseTokenizerConfig(bytes.toString('utf8'), path) : {}
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    const { size } = await stat(path)
    if (size > maxBytes) throw new Error(`It has ${size} bytes; no tokenizer has more than ${maxBytes}.`)
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new OpenElmError('E_FILE_READ', `${path} cannot be read.`, {
      why: error instanceof Error ? error.message : String(error),
      next: 'Check that it is a readable tokenizer file.',
      cause: error,
    })
  }
}
