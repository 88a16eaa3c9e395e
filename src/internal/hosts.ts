/**
 * Names that others can reach this machine by.
 */
import * as Os from "node:os"

/** A host as others know it: for a wildcard, the first address that is not this machine's own, IPv4 before IPv6. */
export const reachable = (host: string): string => {
  if (host !== "0.0.0.0" && host !== "::") return host
  const addresses = Object.values(Os.networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const outside = addresses.filter(({ address, internal }) => !internal && !address.startsWith("fe80:"))
  const found = outside.find(({ family }) => family === "IPv4") ?? (host === "::" ? outside[0] : undefined)
  return found?.address ?? (host === "::" ? "::1" : "127.0.0.1")
}

/** A host as a URL has it: an IPv6 address, and nothing else has colons, in brackets. */
export const inUrl = (host: string): string => host.includes(":") ? `[${host}]` : host
