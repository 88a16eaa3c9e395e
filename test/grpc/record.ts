/** Headers that are a list of names and values in turn, as a record. */
export const record = (list: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(list.flatMap((name, index) => index % 2 === 0 ? [[name, list[index + 1]]] : []))
