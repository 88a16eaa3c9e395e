/**
 * A method as both ends of the wire use it: its names, its kind, and its coders.
 */
import * as Duration from "effect/Duration"
import type { Codec, Coder, Format, Wire } from "../../Codec.ts"
import * as Contract from "../../Contract.ts"

// Erased on purpose: a contract's methods are of many types, and each is used with its own.
/** The coders of a method in one format. */
export interface Coders {
  readonly payload: Coder<any>
  readonly success: Coder<any>
  readonly error: Coder<any>
}

/** The coders to answer a call with, whose payload and success may be of two formats. */
export interface Answering extends Coders {
  /** In which content type errors are written. */
  readonly errorType: string
}

export interface Method {
  /** As the contract calls it: `place`. */
  readonly name: string
  /** As the wire calls it: `Orders.place`. */
  readonly endpoint: string
  readonly idempotent: boolean
  /** After how many milliseconds a call is sent to a second instance, or after what 95 of a hundred take. */
  readonly hedge: "p95" | number | undefined
  /** Whether its calls may have to wait, or be refused. */
  readonly limited: boolean
  /** Whether the payload is many messages. */
  readonly streamsIn: boolean
  /** Whether the success is many messages. */
  readonly streamsOut: boolean
  /** The coders of a format, compiled once. Dies where the format cannot express the method. */
  readonly coders: (format: Format) => Coders
  /**
   * The coders to read the payload in one format and write the success in another; or why there are none.
   *
   * An error that its format cannot express is written in the preferred one, which can.
   */
  readonly answering: (read: Format, write: Format) => Answering | string
}

/**
 * The methods of a contract.
 *
 * **Details**
 *
 * The coders of the preferred format are compiled now, so that what cannot be written dies now. Those of other formats
 * are compiled when first asked for: that `text/plain` has no room for a struct is of no concern to who does not ask.
 */
export const make = (contract: Contract.Definition<Contract.Methods>, codec: Codec["Service"]): Array<Method> =>
  Object.entries(contract.methods).map(([name, erased]) => {
    const definition = erased as Contract.Method<Contract.Side, Contract.Side, Wire>
    const endpoint = Contract.endpoint(contract.key, name, definition)
    const sides = makeSides(definition)
    const coders = (format: Format): Coders => ({
      payload: format.coder(sides.payload),
      success: format.coder(sides.success),
      error: format.coder(sides.error)
    })
    const preferred = required(endpoint, codec.preferred, coders)
    const usual = new Map<Format, Answering | string>([
      [codec.preferred, { ...preferred, errorType: codec.preferred.contentType }]
    ])
    return {
      name,
      endpoint,
      idempotent: definition.idempotent,
      hedge: hedge(definition),
      limited: definition.limited,
      streamsIn: Contract.isStreamed(definition.payload),
      streamsOut: Contract.isStreamed(definition.success),
      coders: (format) => format === codec.preferred ? preferred : coders(format),
      answering: (read, write) => {
        const known = read === write ? usual.get(read) : undefined
        if (known !== undefined) return known
        const found = answering(sides, endpoint, read, write, codec.preferred)
        if (read === write) usual.set(read, found)
        return found
      }
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

const hedge = ({ hedge }: Contract.Method<Contract.Side, Contract.Side, Wire>): Method["hedge"] =>
  hedge === undefined || hedge === "p95" ? hedge : Duration.toMillis(hedge)

type Sides = Readonly<Record<keyof Coders, Wire>>

const makeSides = ({ error, payload, success }: Contract.Method<Contract.Side, Contract.Side, Wire>): Sides => ({
  payload: schema(payload),
  success: schema(success),
  error
})

const schema = (side: Contract.Side): Wire => Contract.isStreamed(side) ? side.schema : side

const answering = (
  sides: Sides,
  endpoint: string,
  read: Format,
  write: Format,
  preferred: Format
): Answering | string => {
  const payload = attempt(read, sides.payload)
  if (typeof payload === "string") return `${read.contentType} has no form for the payload of ${endpoint}: ${payload}`
  const success = attempt(write, sides.success)
  if (typeof success === "string") return `${write.contentType} has no form for the success of ${endpoint}: ${success}`
  const error = attempt(write, sides.error)
  return typeof error === "string"
    ? { payload, success, error: preferred.coder(sides.error), errorType: preferred.contentType }
    : { payload, success, error, errorType: write.contentType }
}

/** The coders of the format that a process writes. Without one of them there is no client and no server. */
const required = (endpoint: string, format: Format, coders: (format: Format) => Coders): Coders => {
  try {
    return coders(format)
  } catch (cause) {
    throw new Error(`${format.contentType} has no form for ${endpoint}: ${messageOf(cause)}`, { cause })
  }
}

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** The coder, or why the format has none. */
const attempt = (format: Format, schema: Wire): Coder<any> | string => {
  try {
    return format.coder(schema)
  } catch (error) {
    return messageOf(error)
  }
}
