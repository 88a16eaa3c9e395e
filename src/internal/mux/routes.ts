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
  // Most calls follow one of the same method.
  let last: Route | undefined
  const types = (call: Call) => within(within(services, call.service), call.method)
  return {
    number: (call) => {
      if (isOf(call, last)) return last.number
      const known = types(call).get(call.contentType)
      const number = known ?? count++
      const { contentType, method, service } = call
      last = { service, method, contentType, number }
      if (known !== undefined) return known
      types(call).set(contentType, number)
      writer.bytes(Type.Route, 0, number, encode(call))
      return number
    },
    refusal: (call, address, maxHeaders) => {
      if (!isOf(call, last) && services.get(call.service)?.get(call.method)?.has(call.contentType) !== true) {
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

/** What is the same in every call of a method, and its number. */
interface Route extends Pick<Call, "contentType" | "method" | "service"> {
  readonly number: number
}

const isOf = (call: Call, route: Route | undefined): route is Route =>
  route !== undefined && call.method === route.method && call.service === route.service &&
  call.contentType === route.contentType

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
