/**
 * Pieces of source text: what the generated writers and readers are made of.
 *
 * Every name that comes from a schema goes through `literal`, so that none is ever code.
 */
import type { Enumeration, Kind, Literal, Message } from "./model.ts"

/** Things that generated code names, by the names it gives them. */
export interface Scope {
  /** What the code refers to, and this process holds. */
  readonly bound: Map<string, unknown>
  /** The number of a message among those of its schema: its functions are `w0` and `r0`. */
  readonly indexOf: (message: Message) => number
  readonly enumeration: (enumeration: Enumeration) => EnumerationNames
}

export interface EnumerationNames {
  /** A map from literals to numbers. */
  readonly numbers: string
  /** A map from numbers to literals. */
  readonly literals: string
  readonly expected: string
}

export const makeScope = (messages: ReadonlyArray<Message>): Scope => {
  const bound = new Map<string, unknown>()
  const enumerations = new Map<Enumeration, EnumerationNames>()
  return {
    bound,
    indexOf: (message) => messages.indexOf(message),
    enumeration: (enumeration) => {
      const known = enumerations.get(enumeration)
      if (known !== undefined) return known
      const at = enumerations.size
      const said = enumeration.values.filter(({ literal }) => literal !== undefined)
      const names = { numbers: `numbers${at}`, literals: `literals${at}`, expected: `expected${at}` }
      bound.set(names.numbers, new Map(said.map(({ literal, number }) => [literal, number])))
      bound.set(names.literals, new Map(said.map(({ literal, number }) => [number, literal])))
      bound.set(names.expected, said.map(({ literal }) => JSON.stringify(literal)).join(" | "))
      enumerations.set(enumeration, names)
      return names
    }
  }
}

/** A value as source text. */
export const literal = (value: Literal | null | undefined): string =>
  typeof value === "bigint" ? `${value}n` : value === undefined ? "undefined" : JSON.stringify(value)

/** A key in an object literal. Only this form makes `__proto__` a property like any other. */
export const property = (key: string | number): string => key === "__proto__" ? `["__proto__"]` : literal(key)

/** The name that wire functions have for a number of 64 bits: `Int64`, `BigUint64`. */
export const longName = (kind: Extract<Kind, { readonly _tag: "Scalar" }>): string =>
  `${kind.big ? "Big" : ""}${kind.scalar.charAt(0).toUpperCase()}${kind.scalar.slice(1)}`

/** The well-known types' names in generated code. */
export const knownName = (kind: Extract<Kind, { readonly _tag: "Known" }>): string => `known${kind.known}`

/** The number and the wire type of a field, as they go before each value. */
export const tagOf = (number: number, wireType: number): number => (number << 3 | wireType) >>> 0
