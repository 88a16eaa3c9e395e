/**
 * A method as both ends of the wire use it: its names, its kind, and its coders.
 */
import type { Codec, Coder, Format, Wire } from "../Codec.ts"
import * as Contract from "../Contract.ts"

// Erased on purpose: a contract's methods are of many types, and each is used with its own.
/** The coders of a method in one format. */
export interface Coders {
  readonly payload: Coder<any>
  readonly success: Coder<any>
  readonly error: Coder<any>
}

export interface Method {
  /** As the contract calls it: `place`. */
  readonly name: string
  /** As the wire calls it: `Orders.place`. */
  readonly endpoint: string
  readonly idempotent: boolean
  /** Whether the payload is many messages. */
  readonly streamsIn: boolean
  /** Whether the success is many messages. */
  readonly streamsOut: boolean
  /** The coders of a format, compiled once. */
  readonly coders: (format: Format) => Coders
}

/** The methods of a contract. Those of the preferred format are compiled now, so that what cannot be written dies now. */
export const make = (contract: Contract.Definition<Contract.Methods>, codec: Codec["Service"]): Array<Method> =>
  Object.entries(contract.methods).map(([name, erased]) => {
    const definition = erased as Contract.Method<Contract.Side, Contract.Side, Wire>
    const compiled = new Map<Format, Coders>()
    const coders = (format: Format): Coders => {
      let known = compiled.get(format)
      if (known === undefined) {
        known = {
          payload: format.coder(schema(definition.payload)),
          success: format.coder(schema(definition.success)),
          error: format.coder(definition.error)
        }
        compiled.set(format, known)
      }
      return known
    }
    coders(codec.preferred)
    return {
      name,
      endpoint: Contract.endpoint(contract.key, name, definition),
      idempotent: definition.idempotent,
      streamsIn: Contract.isStreamed(definition.payload),
      streamsOut: Contract.isStreamed(definition.success),
      coders
    }
  })

const schema = (side: Contract.Side): Wire => Contract.isStreamed(side) ? side.schema : side
