import { existsSync, realpathSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OpenElmError } from '../errors.js'
import { unsupportedError } from '../formats/format-error.js'
import { isGguf } from '../formats/gguf/reader.js'
import { type GgufValue, gguf } from '../formats/gguf/values.js'
import { isZip } from '../formats/torch/zip.js'
import { parameterCount } from '../model/config.js'
import { openCoreNet } from '../model/open-corenet.js'
import { openHuggingFace } from '../model/open-huggingface.js'
import { type OpenFile, openFile, statFile } from '../native/open-file.js'
import { AtomicFile } from './atomic-file.js'
import { planCheckpoint } from './from-checkpoint.js'
import { planGguf } from './from-gguf.js'
import { loadTokenizer as findTokenizer } from './load-tokenizer.js'
import type { ConversionPlan, TargetType } from './plan.js'
import type { LoadTokenizer } from './tokenizer.js'
import { type ConversionProgress, layOutPlan, writePlan } from './write-plan.js'

export interface ConvertOptions {
  /** Folder of a Hugging Face repository or an MLX model, a .safetensors file of one, CoreNet's .pt, or a GGUF file. */
  readonly source: string
  /** The GGUF file to write. */
  readonly output: string
  readonly type: TargetType
  /** The config.json of the checkpoint, where it is not beside the weights. */
  readonly config?: string
  /** Replace an existing output. */
  readonly overwrite?: boolean
  /** `general.name` and `general.license` of the output, where what the source says is not wanted. */
  readonly name?: string
  readonly license?: string
  /** Jinja source that replaces the chat template of the source; empty for none. */
  readonly chatTemplate?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ConversionProgress) => void
}

export interface ConvertResult {
  readonly output: string
  readonly bytes: number
  readonly tensors: number
  readonly parameters: number
  readonly name: string | undefined
  readonly notes: readonly string[]
}

/** What conversion takes from outside; replaced in tests. */
export interface ConvertDependencies {
  readonly open: OpenFile
  readonly loadTokenizer: LoadTokenizer
}

const defaults: ConvertDependencies = { open: openFile, loadTokenizer: findTokenizer }

/**
 * Converts a checkpoint to a GGUF file that any program for OpenELM GGUF files can run. The output appears complete
 * or not at all; memory stays at a few chunks of rows.
 * @throws OpenElmError E_FILE_NOT_FOUND, E_FILE_READ, E_FORMAT, E_CONFIG, E_UNSUPPORTED, E_TOKENIZER for the source,
 * E_FILE_WRITE for the output, E_ABORTED
 */
export async function convertModel(
  options: ConvertOptions,
  { open, loadTokenizer }: ConvertDependencies = defaults,
): Promise<ConvertResult> {
  const { output } = options
  const plan = withOverrides(await planOf(options, open, loadTokenizer), options)
  refuseOwnSource(plan, output)
  const layout = layOutPlan(plan)
  const file = await AtomicFile.create(output, options.overwrite ?? false)
  try {
    await checkSpace(output, layout.fileSize)
    await writePlan(plan, layout, file, options.signal, options.onProgress ?? (() => {}))
    await file.commit()
  } catch (error) {
    await file.discard()
    throw error
  }
  const name = new Map(plan.metadata).get('general.name')
  return {
    output,
    bytes: layout.fileSize,
    tensors: plan.tasks.length,
    parameters: parameterCount(plan.config),
    name: name?.type === 'string' ? name.value : undefined,
    notes: plan.notes,
  }
}

async function planOf(
  { source, type, config }: ConvertOptions,
  open: OpenFile,
  loadTokenizer: LoadTokenizer,
): Promise<ConversionPlan> {
  const file = statFile(source).isFile() ? open(source) : undefined
  if (file && isGguf(file)) {
    if (config === undefined) return planGguf(source, type, open)
    throw new OpenElmError('E_USAGE', 'A config cannot be given for a GGUF file.', {
      why: `${source} holds its own.`,
      next: 'Leave out --config.',
    })
  }
  if (file && !isZip(file) && /\.(pt|pth|bin)$/i.test(source)) {
    throw unsupportedError(
      source,
      'It is no zip archive, as PyTorch saves files since version 1.6.',
      'Save it again with torch.save of a newer PyTorch.',
    )
  }
  const opened = (file && isZip(file) ? openCoreNet : openHuggingFace)(source, open, config)
  return planCheckpoint(source, opened, type, loadTokenizer)
}

function withOverrides(plan: ConversionPlan, options: ConvertOptions): ConversionPlan {
  const metadata = new Map<string, GgufValue>(plan.metadata)
  const set = (key: string, value: string | undefined) => {
    if (value === undefined) return
    if (value === '') metadata.delete(key)
    else metadata.set(key, gguf.string(value))
  }
  set('general.name', options.name)
  set('general.license', options.license)
  set('tokenizer.chat_template', options.chatTemplate)
  return { ...plan, metadata: [...metadata] }
}

/** A source is read until the end; replacing it would also lose the only copy of better weights. */
function refuseOwnSource(plan: ConversionPlan, output: string): void {
  // Whatever else is wrong with the output's path is found when it is created.
  if (!existsSync(output)) return
  const target = statSync(output)
  for (const source of plan.sources) {
    const { dev, ino } = statSync(source)
    const same =
      ino !== 0 ? dev === target.dev && ino === target.ino : realpathSync(source) === realpathSync(output)
    if (!same) continue
    throw new OpenElmError('E_FILE_WRITE', `${output} is also what is converted.`, {
      why: 'A model cannot be converted onto itself.',
      next: 'Choose another name for the output.',
    })
  }
}

/**
 * Fails now rather than after minutes of work.
 * @param output a path in a folder that exists
 * @throws OpenElmError E_FILE_WRITE when its disk has fewer bytes free than needed
 */
export async function checkSpace(output: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(output))
  const free = bavail * bsize
  if (free >= needed) return
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
  throw new OpenElmError('E_FILE_WRITE', `${output} could not be written.`, {
    why: `It needs ${mib(needed)}, but the disk has only ${mib(free)} free.`,
    next: 'Free some space, or write to another disk.',
  })
}
