/**
 * What DNS says of a name: who stands behind it, and for how long that holds.
 */
import * as Effect from "effect/Effect"
import * as Dns from "node:dns/promises"
import { isIPv6 } from "node:net"
import { Instance, type RegistryError } from "../../Registry.ts"
import * as Hosts from "../hosts.ts"
import { unavailable } from "../registry/api.ts"
import * as Roster from "../registry/roster.ts"

/** Where a service is looked up, and what its addresses look like. */
export interface Question {
  readonly service: string
  readonly name: string
  /** Where there is one addresses are looked up, and SRV records otherwise. */
  readonly port: number | undefined
  readonly scheme: string
}

/** Who is there, and for how many seconds that holds. */
export interface Found {
  readonly list: Roster.Roster
  readonly ttl: number
}

/** Targets of one name that are looked at, and how many of them at once. */
const mostTargets = 256
const atOnce = 8

/** Looks a service up; fails where nobody could tell, which is another thing than that nobody is there. */
export const lookup = Effect.fnUntraced(function*(resolver: Dns.Resolver, question: Question) {
  const { name, port, scheme, service } = question
  if (port !== undefined) {
    const { addresses, ttl } = yield* addressesOf(resolver, name)
    const list = addresses.map((ip) => instance(service, ip, `${scheme}://${Hosts.inUrl(ip)}:${port}`, {}))
    return { list: Roster.fromInstances(list), ttl }
  }
  const records = yield* answer(name, () => resolver.resolveSrv(name))
  // Only the first group is to be used while any of it is there; a target that has no address is not.
  const targets = yield* Effect.forEach(
    records.slice(0, mostTargets),
    (record) =>
      Effect.map(addressesOf(resolver, record.name), ({ addresses, ttl }) => ({
        ...record,
        isThere: addresses.length > 0,
        ttl
      })),
    { concurrency: atOnce }
  )
  const there = targets.filter(({ isThere }) => isThere)
  const first = Math.min(...there.map(({ priority }) => priority))
  return {
    list: Roster.fromInstances(
      there.filter(({ priority }) => priority === first).map(({ name, port, weight }) =>
        instance(service, `${name}:${port}`, `${scheme}://${name}:${port}`, { weight: String(weight) })
      )
    ),
    ttl: Math.min(...targets.map(({ ttl }) => ttl))
  }
})

/** A resolver that asks these servers (`10.0.0.2`, `[fd00::2]:5353`), or those of the system. */
export const resolver = (servers: ReadonlyArray<string> | undefined): Effect.Effect<Dns.Resolver, RegistryError> =>
  Effect.try({
    try: () => {
      const resolver = new Dns.Resolver({ timeout: 2000, tries: 2 })
      if (servers !== undefined) resolver.setServers([...servers])
      return resolver
    },
    catch: (cause) => unavailable("DNS", `${servers?.join(", ")} cannot be servers`, cause)
  })

// ---------------------------------------------------------------------------------------------------------------------

const instance = (
  service: string,
  id: string,
  address: string,
  metadata: Readonly<Record<string, string>>
): Instance => new Instance({ id, service, version: "", address, metadata, endpoints: [] })

/** All addresses of a name. Where one family cannot be told, which some servers are not able to, the other one will do. */
const addressesOf = Effect.fnUntraced(function*(resolver: Dns.Resolver, name: string) {
  const [v4, v6] = yield* Effect.all([
    Effect.result(answer(name, () => resolver.resolve4(name, { ttl: true }))),
    Effect.result(answer(name, () => resolver.resolve6(name, { ttl: true })))
  ], { concurrency: 2 })
  const records = [v4, v6].flatMap((result) => result._tag === "Success" ? result.success : [])
  const failure = [v4, v6].find((result) => result._tag === "Failure")
  if (records.length === 0 && failure !== undefined) return yield* Effect.fail(failure.failure)
  return {
    addresses: records.map(({ address }) => address).toSorted((a, b) => Number(isIPv6(a)) - Number(isIPv6(b))),
    ttl: Math.min(...records.map(({ ttl }) => ttl))
  }
})

/** The records of a name; none where the name, or records of the kind, are not there. */
const answer = <A>(
  name: string,
  ask: () => Promise<ReadonlyArray<A>>
): Effect.Effect<ReadonlyArray<A>, RegistryError> =>
  Effect.tryPromise({ try: ask, catch: (cause) => cause }).pipe(
    Effect.catchIf(isNobody, () => Effect.succeed([])),
    Effect.mapError((cause) => unavailable("DNS", `nobody could tell what ${name} stands for`, cause))
  )

const isNobody = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && (cause.code === "ENOTFOUND" || cause.code === "ENODATA")
