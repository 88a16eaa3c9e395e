/**
 * Services and methods as the paths of gRPC name them.
 *
 * Three forms lead to the method `Orders.place` of the service `acme.orders`: `/acme.orders/Orders.place`, or with its
 * plain name `/acme.orders/place`; and `/acme.orders.Orders/place`, which is what Go Micro writes, and what a client out
 * of a printed `.proto` file does. A service whose name is none of protobuf's is found by what the file makes of it.
 */
import type { Target } from "../http/paths.ts"

/** The path of a call. Only one of us is sure to know the first form, which cannot be mistaken. */
export const format = ({ method, service }: Target, isOwn: boolean): string => {
  const dot = method.lastIndexOf(".")
  return isOwn || dot === -1
    ? `/${encodeURIComponent(service)}/${encodeURIComponent(method)}`
    : `/${encodeURIComponent(`${service}.${method.slice(0, dot)}`)}/${encodeURIComponent(method.slice(dot + 1))}`
}

/** Whom a path means, among the services that are here. */
export const resolve = (target: Target, names: ReadonlyArray<string>): Target | undefined => {
  const { method, service } = target
  if (names.includes(service)) return target
  const dot = service.lastIndexOf(".")
  const [prefix, handler] = [service.slice(0, Math.max(dot, 0)), service.slice(dot + 1)]
  const named = (name: string) =>
    handler === "_" ? { service: name, method } : { service: name, method: `${handler}.${method}` }
  if (names.includes(prefix)) return named(prefix)
  const printed = names.find((name) => identifiers(name) === prefix)
  if (printed === undefined) return undefined
  const type = typeOf(printed)
  return identifier(type) === handler ? { service: printed, method: `${type}.${method}` } : named(printed)
}

// ---------------------------------------------------------------------------------------------------------------------

/** The first part of the endpoints that a contract gives its methods by itself. */
const typeOf = (service: string): string => {
  const last = service.slice(service.lastIndexOf(".") + 1)
  return `${last.charAt(0).toUpperCase()}${last.slice(1)}`
}

const identifiers = (name: string): string => name.split(".").map(identifier).join(".")

/** A name as a printed file has it. */
const identifier = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?![A-Za-z_])/, "_")
