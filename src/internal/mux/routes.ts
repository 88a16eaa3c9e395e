/**
 * The head of a call, made short: what is the same in every call of a method is sent once a connection and then known by
 * a number.
 */
import { type Call, LimitExceeded, TransportError } from "../../Transport.ts"
import { maxRoute, maxRoutes, Type } from "./frames.ts"
import type { Writer } from "./writer.ts"

export interface Routes {
  /** The number of a call's route. Tells the server of it first, if it is new. */
  readonly number: (call: Call) => number
  /** Why the head of a call cannot be sent, if it cannot. */
  readonly refusal: (
    call: Call,
    address: string,
    maxHeaders: number
  ) => TransportError | undefined
}

export const make = (writer: Writer): Routes => {
  const services = new Map<string, Map<string, Map<string, number>>>()
  let count = 0
  const types = (call: Call) => within(within(services, call.service), call.method)
  return {
    number: (call) => {
      const known = types(call).get(call.contentType)
      if (known !== undefined) return known
      const route = count++
      types(call).set(call.contentType, route)
      writer.bytes(Type.Route, 0, route, encode(call))
      return route
    },
    refusal: (call, address, maxHeaders) => {
      if (services.get(call.service)?.get(call.method)?.has(call.contentType) !== true) {
        const size = encode(call).length
        if (size > maxRoute) return exceeded(address, "The name of a method", maxRoute, size)
        if (count >= maxRoutes) return exceeded(address, "The number of methods", maxRoutes, count + 1)
      }
      return oversized(call, address, maxHeaders)
    }
  }
}

/** The headers of a call as they are sent, if it has any. */
export const headers = (call: Call): Uint8Array | undefined => {
  for (const _ in call.headers) return Buffer.from(JSON.stringify(call.headers))
  return undefined
}

const encode = ({ contentType, method, service }: Call) => Buffer.from(JSON.stringify([service, method, contentType]))

const exceeded = (address: string, limit: string, allowed: number, actual: number) =>
  new TransportError({ reason: new LimitExceeded({ address, limit, allowed, actual }) })

const oversized = (call: Call, address: string, maxHeaders: number) => {
  let size = 0
  for (const name in call.headers) size += name.length + call.headers[name].length + 6
  // Twelve bytes of JSON at most for each character of a string, and no need to count them as a rule.
  if (size * 12 <= maxHeaders) return undefined
  const actual = headers(call)!.length
  return actual <= maxHeaders ? undefined : exceeded(address, "The headers", maxHeaders, actual)
}

const within = <K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> => {
  let inner = map.get(key)
  if (inner === undefined) map.set(key, inner = new Map())
  return inner
}
