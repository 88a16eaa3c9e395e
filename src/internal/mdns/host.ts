/**
 * The address of an instance, as DNS wants it: an IP and a port.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as dns from "node:dns"
import * as net from "node:net"
import type { Interface } from "./interfaces.ts"

/** Where an instance is. */
export interface Host {
  readonly ip: string
  readonly port: number
  /** The URL that others are told: the one given, unless it names no machine in particular. */
  readonly address: string
}

/** A wait for a name server; a program that starts should not hang on it. */
const patience = "2 seconds"

/** Finds IP and port of a URL. Fails with the problem, in words. */
export const resolve = (
  address: string,
  interfaces: ReadonlyArray<Interface>
): Effect.Effect<Host, string> => {
  const parsed = Result.try(() => new URL(address))
  if (Result.isFailure(parsed) || parsed.success.hostname === "") {
    return Effect.fail(`"${address}" is not a URL with a host, such as micro://10.0.0.7:4000`)
  }
  const url = parsed.success
  const port = url.port === "" ? defaultPorts[url.protocol] : Number(url.port)
  if (port === undefined || port === 0) return Effect.fail(`"${address}" has no port that could be called`)
  const name = url.hostname.replace(/^\[(.*)\]$/, "$1")
  if (name === "0.0.0.0" || name === "::") {
    const ip = concrete(name, interfaces)
    if (ip === undefined) return Effect.fail(`"${address}" names no machine, and no interface here has an address`)
    url.hostname = net.isIPv6(ip) ? `[${ip}]` : ip
    return Effect.succeed({ ip, port, address: url.href.replace(/\/$/, "") })
  }
  return net.isIP(name) !== 0
    ? Effect.succeed({ ip: name, port, address })
    : Effect.map(lookup(name), (ip) => ({ ip, port, address }))
}

// ---------------------------------------------------------------------------------------------------------------------

const defaultPorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 }

/** An address for one that listens on all: rather for the network than for this machine, rather IPv4 than IPv6. */
const concrete = (wildcard: string, interfaces: ReadonlyArray<Interface>): string | undefined => {
  const rank = ({ family, internal }: Interface) => (internal ? 2 : 0) + (family === 6 ? 1 : 0)
  const usable = interfaces.filter(({ address, family }) =>
    !address.startsWith("fe80:") && (family === 4 || wildcard === "::")
  )
  return usable.toSorted((a, b) => rank(a) - rank(b))[0]?.address
}

const lookup = (name: string): Effect.Effect<string, string> =>
  Effect.callback<string, string>((resume) =>
    dns.lookup(
      name,
      { order: "ipv4first" },
      (error, ip) =>
        resume(error ? Effect.fail(`the host "${name}" has no address: ${error.message}`) : Effect.succeed(ip))
    )
  ).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.fail(`no name server said within ${patience} where the host "${name}" is`)
    })
  )
