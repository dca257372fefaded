// One trial of transformers.js on onnxruntime-node, in a process of its own; see ../harness.mjs. "model" is a folder that
// write.ts made, "dtype" the name transformers.js has for its type. With "ids" instead of tests it prints logits:
// [[logits of each token…]…].

import { basename, dirname } from 'node:path'
import { DynamicCache, env, OpenELMForCausalLM, Tensor } from '@huggingface/transformers'
import { finish, now, someIds, speed } from '../harness.mjs'

const options = JSON.parse(process.argv[2])
env.allowRemoteModels = false
env.localModelPath = dirname(options.model)
const model = await OpenELMForCausalLM.from_pretrained(basename(options.model), {
  dtype: options.dtype,
  device: 'cpu',
  local_files_only: true,
  session_options: { intraOpNumThreads: options.threads, interOpNumThreads: 1, logSeverityLevel: 3 },
})

const int64 = (values, dims) => new Tensor('int64', BigInt64Array.from(values, BigInt), dims)
const inputs = (ids) => ({
  input_ids: int64(ids, [1, ids.length]),
  attention_mask: int64(new Array(ids.length).fill(1), [1, ids.length]),
})

/** Logits of the last token only, as its `generate` asks for them. */
const forward = (ids) => model({ ...inputs(ids), num_logits_to_keep: int64([1], []) })

/** Keys and values of the context that fill() left. */
let filled = {}

const engine = {
  backend: 'onnxruntime',
  evaluate: forward,
  async fill(depth) {
    filled = {}
    if (depth === 0) return
    for (const [name, tensor] of Object.entries(await forward(someIds(depth))))
      if (name.startsWith('present')) filled[name.replace('present', 'past_key_values')] = tensor
  },
  /** The clock starts when the first token is there, and one more is generated: `generate` prepares much before. */
  async generate(depth, count) {
    let [given, start] = [0, 0]
    const streamer = {
      // The prompt comes first, then one token after the other.
      put: () => {
        if (given++ === 1) start = now()
      },
      end: () => undefined,
    }
    await model.generate({
      ...inputs(someIds(depth + 1)),
      ...(depth > 0 && { past_key_values: new DynamicCache(filled) }),
      max_new_tokens: count + 1,
      do_sample: false,
      streamer,
    })
    return now() - start
  },
}

if (options.ids) {
  const { logits } = await model({ ...inputs(options.ids), num_logits_to_keep: int64([0], []) })
  finish(logits.tolist()[0])
} else {
  finish(await speed(options, engine))
}
