/**
 * Where members are reached: as bytes on the wire, as text for people, as names that stand for several.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Dns from "node:dns/promises"
import type { Endpoint } from "../wire/messages.ts"

/** A name that stands for no address, or a text that is no name. */
export class Unresolved extends Data.TaggedError("Unresolved")<{ readonly name: string; readonly cause: unknown }> {
  override get message(): string {
    return `${this.name} does not resolve to an address`
  }
}

/** A host, and a port where it says one: `10.0.0.7:7946`, `gossip.local`, `[fd00::1]:7946`. */
export interface HostAndPort {
  readonly host: string
  readonly port: number | undefined
}

export const parse = (text: string): HostAndPort => {
  const [, bracketed, host, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? []
  // Several colons without brackets: an IPv6 address, and no port.
  return { host: bracketed ?? host ?? text, port: port === undefined ? undefined : Number(port) }
}

/** The bytes of an address, if it is one. One of IPv4 that is written as IPv6 is one of IPv4. */
export const bytesOf = (host: string): Uint8Array | undefined => {
  const parsed = NetAddress.ipFromString(host)
  if (Result.isFailure(parsed)) return undefined
  const address = parsed.success
  const plain = NetAddress.isIpv4Address(address) ? Option.some(address) : NetAddress.fromIpv4Mapped(address)
  if (Option.isSome(plain)) return Uint8Array.from(NetAddress.ipv4ToOctets(plain.value))
  return NetAddress.isIpv6Address(address) ? Uint8Array.from(NetAddress.ipv6ToOctets(address)) : undefined
}

/** The address as sockets and people read it. */
export const hostOf = ({ address }: Endpoint): string =>
  NetAddress.formatIp(
    address.length === 4 ? NetAddress.ipv4FromBytesUnsafe(address) : NetAddress.ipv6FromBytesUnsafe(address)
  )

/** Address and port as people read them. */
export const format = (endpoint: Endpoint): string => {
  const host = hostOf(endpoint)
  return `${host.includes(":") ? `[${host}]` : host}:${endpoint.port}`
}

/** Everything that a name stands for, at most `mostAddresses` endpoints. */
export const resolve = (text: string, defaultPort: number): Effect.Effect<ReadonlyArray<Endpoint>, Unresolved> => {
  const { host, port = defaultPort } = parse(text)
  const literal = bytesOf(host)
  if (literal !== undefined) return Effect.succeed([{ address: literal, port }])
  return Effect.tryPromise({
    try: () => Dns.lookup(host, { all: true }),
    catch: (cause) => new Unresolved({ name: text, cause })
  }).pipe(Effect.map((found) =>
    found.slice(0, mostAddresses).flatMap((entry) => {
      const address = bytesOf(entry.address)
      return address === undefined ? [] : [{ address, port }]
    })
  ))
}

// ---------------------------------------------------------------------------------------------------------------------

/** A name of more addresses is tried at its first ones: each of them knows the rest. */
const mostAddresses = 16
