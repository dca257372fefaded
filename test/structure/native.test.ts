/** The layers of native/, read from its #include lines, and what keeps the ISA variants apart. */
import { execFileSync } from 'node:child_process'
import { posix } from 'node:path'
import tap from 'tap'
import { filesUnder, root, textOf } from '../support/files.js'

/** What each folder of native/ may include from, besides itself. */
const mayInclude: Record<string, readonly string[]> = {
  addon: ['model', 'gpu', 'probe', 'kernels', 'runtime', 'cpu', 'quant'],
  probe: ['kernels', 'runtime', 'quant'],
  model: ['gpu', 'kernels', 'runtime', 'cpu', 'quant'],
  gpu: ['runtime', 'quant'],
  cpu: ['kernels', 'quant'],
  kernels: ['quant', 'runtime'],
  runtime: ['quant'],
  quant: [],
}

/** Headers without templates or inline functions that a linker could keep in the variant's instructions. */
const plainHeaders =
  /^(immintrin\.h|arm_neon\.h|cstdint|cstddef|cstring|cmath|cfloat|climits|stdint\.h|stddef\.h)$/

const { variants: declared } = JSON.parse(textOf('native/build.json')) as {
  variants: Record<string, unknown>
}
const isas = Object.keys(declared)
const sources = filesUnder('native', /\.(cc|h|cu|cuh|mm|metal)$/)
const includes = sources.flatMap((path) =>
  [...textOf(path).matchAll(/^\s*#\s*include\s*([<"])([^>"]+)[>"]/gm)].map(([, quote, header]) => ({
    path,
    header: header ?? '',
    own: quote === '"',
  })),
)
const folderOf = (path: string): string => path.split('/')[1] ?? ''
const isaOf = (path: string): string | undefined => {
  const name = posix.basename(path).replace(/\.(cc|h)$/, '')
  return path.startsWith('native/kernels/')
    ? isas.find((isa) => name === isa || name.startsWith(`${isa}_`))
    : undefined
}

tap.test('includes between the folders of native/ go one way', async (t) => {
  t.ok(includes.length > 50, 'includes were found')
  for (const folder of new Set(sources.map(folderOf)))
    t.ok(folder in mayInclude, `${folder} is a known layer`)
  const wrong = includes.filter(({ path, header, own }) => {
    const [above, below = ''] = [folderOf(path), header.split('/')[0]]
    return own && below in mayInclude && above !== below && !mayInclude[above]?.includes(below)
  })
  t.same(wrong, [])
})

tap.test('own headers are named from native/, so that their layer shows', async (t) => {
  // Instructions of tensor cores come from the tests where the compiler is not CUDA's.
  const emulations = filesUnder('test/native', /_emulation\.h$/).map((path) => path.replace('test/', ''))
  const known = new Set([...sources, ...emulations])
  const wrong = includes.filter(({ header, own }) => own && !known.has(`native/${header}`))
  t.same(wrong, [])
})

tap.test('kernel bodies for GPUs include only what every dialect has', async (t) => {
  const shared = /^(gpu\/(compat|types)\.h|gpu\/bodies\/\w+\.h|quant\/(blocks|kv_type)\.h)$/
  const bodies = includes.filter(({ path }) => path.startsWith('native/gpu/bodies/'))
  t.ok(bodies.length > 10, 'bodies were found')
  t.same(
    bodies.filter(({ header }) => !shared.test(header)),
    [],
  )
})

tap.test('of a GPU backend others see only how it is opened', async (t) => {
  const backendOf = (path: string) => /^(?:native\/)?gpu\/(host|cuda|metal)\//.exec(path)?.[1]
  const wrong = includes.filter(({ path, header }) => {
    const backend = backendOf(header)
    return backend !== undefined && backend !== backendOf(path) && header !== `gpu/${backend}/create.h`
  })
  t.same(wrong, [])
})

tap.test('only addon/ knows Node-API', async (t) => {
  const users = includes.filter(({ header }) => /^(napi|node_api|js_native_api|uv)\b/.test(header))
  t.ok(users.length > 0, 'the addon includes napi.h')
  t.same([...new Set(users.map(({ path }) => folderOf(path)))], ['addon'])
})

tap.test('only cpu/dispatch sees the variants together', async (t) => {
  const users = includes.filter(
    ({ header, path }) => header === 'kernels/variants.h' && isaOf(path) === undefined,
  )
  t.ok(users.length > 0, 'dispatch includes them')
  for (const { path } of users) t.match(path, /^native\/(cpu\/dispatch\.(cc|h)|kernels\/)/)
})

tap.test('a variant includes no other variant and nothing with code of its own', async (t) => {
  const variants = sources.filter((path) => isaOf(path) !== undefined && isaOf(path) !== 'reference')
  t.ok(variants.length > 0, 'there are variants')
  const wrong = includes.filter(({ path, header, own }) => {
    if (!variants.includes(path)) return false
    if (!own) return !plainHeaders.test(header)
    const other = isaOf(`native/${header}`)
    return other !== undefined && other !== isaOf(path)
  })
  t.same(wrong, [])
})

tap.test('every variant of build.json has sources', async (t) => {
  for (const isa of isas) {
    const list = execFileSync(process.execPath, ['native/sources.mjs', 'variant', isa], {
      cwd: root,
      encoding: 'utf8',
    })
    t.match(list, new RegExp(`^native/kernels/\\w+/${isa}\\.cc$`, 'm'), isa)
  }
})
