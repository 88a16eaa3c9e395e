/**
 * The numbers and names of a message's fields.
 */
import type { Constant, Field, Message } from "./model.ts"
import { makeNames } from "./names.ts"
import { type Path, Unmappable } from "./unmappable.ts"

/** A field whose number may not be known yet. */
export interface DraftField extends Omit<Field, "number"> {
  readonly number: number | undefined
}

/** A message that is being filled. Others hold it already, so it is filled in place. */
export interface Draft extends Message {
  fields: ReadonlyArray<Field>
  constants: Array<Constant>
  rest: Field | undefined
}

/** Gives each field that says no number the lowest one that is free, in the order of declaration. */
export const settle = (draft: Draft, fields: ReadonlyArray<DraftField>, path: Path): void => {
  const taken = new Set<number>()
  for (const { key, number } of fields) {
    if (number === undefined) continue
    const where = [...path, key]
    if (!isAllowed(number)) throw new Unmappable(where, `${number} is no number for a field`)
    if (taken.has(number)) throw new Unmappable(where, `another field has the number ${number} already`)
    taken.add(number)
  }
  const names = makeNames()
  // What a `oneof` is called is a name among those of its fields.
  if (draft.shape === "choice") names(choiceName)
  let next = 1
  draft.fields = fields.map((field) => {
    if (field.number === undefined) {
      while (taken.has(next)) next++
      taken.add(next)
    }
    return { ...field, number: field.number ?? next, name: names(field.name) }
  })
  draft.rest = draft.fields.find(({ key }) => key === restKey)
}

/** The name of the `oneof` of a message that is one. */
export const choiceName = "choice"

/** The key of the field that holds what no other does. No property has it: it is not a string. */
export const restKey = -1

// ---------------------------------------------------------------------------------------------------------------------

// Protobuf keeps the numbers between for itself.
const isAllowed = (number: number): boolean =>
  Number.isInteger(number) && number >= 1 && number < 2 ** 29 && !(number >= 19_000 && number < 20_000)
