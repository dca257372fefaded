/** The items of a list that an option gives. @throws Error when one is not among the known */
export function chosen<T extends string>(option: string, text: string, known: readonly T[]): readonly T[] {
  return text.split(',').map((name) => {
    const found = known.find((item) => item === name)
    if (found === undefined) throw new Error(`${option}: ${name} is none of ${known.join(', ')}`)
    return found
  })
}
