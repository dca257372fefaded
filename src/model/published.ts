/** The checkpoints that Apple published on the Hugging Face Hub, by the short names used here. */
const bySize = { '270m': '270M', '450m': '450M', '1.1b': '1_1B', '3b': '3B' } as const

const repositories: ReadonlyMap<string, string> = new Map(
  Object.entries(bySize).flatMap(([short, size]) => [
    [short, `apple/OpenELM-${size}`],
    [`${short}-instruct`, `apple/OpenELM-${size}-Instruct`],
  ]),
)

/** `270m`, `270m-instruct` … `3b-instruct`. */
export const shortNames: readonly string[] = [...repositories.keys()]

/** The repository (`owner/name`) that a short name stands for; undefined for any other text. */
export const repositoryOf = (short: string): string | undefined => repositories.get(short)

/** The short name of a repository, if it is one of Apple's checkpoints. */
export const shortNameOf = (repository: string): string | undefined =>
  [...repositories].find(([, name]) => name === repository)?.[0]
