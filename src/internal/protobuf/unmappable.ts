/**
 * A schema that protobuf cannot express: a mistake of whoever wrote it, found when it is first looked at.
 */

/** Where in a schema: the keys that lead there. */
export type Path = ReadonlyArray<string | number>

export class Unmappable extends Error {
  override readonly name = "Unmappable"
  constructor(path: Path, problem: string) {
    super(`Protobuf: ${problem}\n  at ${show(path)}`)
  }
}

export const show = (path: Path): string =>
  path.length === 0 ? "the schema itself" : path.map((key) => `[${JSON.stringify(key)}]`).join("")
