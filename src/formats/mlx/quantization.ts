import * as z from 'zod'
import { formatError, unsupportedError } from '../format-error.js'

/** How a matrix was quantized: elements of `bits` bits, and a scale and a bias for each group of a row's elements. */
export interface MlxQuantization {
  readonly bits: 4 | 8
  readonly groupSize: 32 | 64 | 128
}

const blockSchema = z.looseObject({
  bits: z.literal([4, 8]),
  group_size: z.literal([32, 64, 128]).default(64),
  mode: z.literal('affine').default('affine'),
})
const configSchema = z.looseObject({ quantization: z.looseObject({}).nullish() })

/**
 * What config.json of an MLX model says of quantization: how the module of a name is quantized, undefined for a model
 * that is not. Modules may have settings of their own under their names.
 * @param label path of the config, for messages
 * @throws OpenElmError E_FORMAT, and on asking E_UNSUPPORTED for a kind that is not read
 */
export function mlxQuantization(
  json: unknown,
  label: string,
): ((module: string) => MlxQuantization) | undefined {
  const config = configSchema.safeParse(json)
  if (!config.success) throw formatError(label, 'Its "quantization" is not an object.')
  const { quantization } = config.data
  if (!quantization) return undefined
  return (module) => {
    const own = Object.hasOwn(quantization, module) ? quantization[module] : undefined
    const parsed = blockSchema.safeParse(own ?? quantization)
    if (parsed.success) return { bits: parsed.data.bits, groupSize: parsed.data.group_size }
    const issue = parsed.error.issues[0]
    throw unsupportedError(
      label,
      `Its quantization of ${module} is not read: ${issue?.path.join('.')}: ${issue?.message}.`,
      'Use a model of 4 or 8 bits in groups of 32, 64 or 128, or one of 16 bits.',
    )
  }
}
