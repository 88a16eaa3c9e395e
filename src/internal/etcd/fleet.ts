/**
 * The instances under a prefix of etcd: listed, watched from there on, and announced with a lease each.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Instance, RegistryError } from "../../Registry.ts"
import * as Roster from "../registry/roster.ts"
import * as Standing from "../registry/standing.ts"
import type { Entry, Gateway } from "./gateway.ts"
import type { Options } from "./options.ts"
import * as Record from "./record.ts"

/** What keys begin with unless told. */
export const defaultPrefix = "/micro/registry"

/** Everybody of a service, or of all, now and after each change; fails at the first error. */
export const instances = (
  gateway: Gateway,
  { prefix = defaultPrefix }: Options,
  service?: string
): Stream.Stream<Roster.Roster, RegistryError> => {
  const keys = Record.keysOf(prefix, service)
  const once = Effect.gen(function*() {
    const { entries, revision } = yield* gateway.range(keys)
    const known = new Map<string, Instance>()
    const take = (entries: ReadonlyArray<Entry>): Roster.Roster => {
      for (const { key, value } of entries) {
        const instance = value === undefined ? undefined : Record.toInstance(value)
        if (instance === undefined || service !== undefined && instance.service !== service) known.delete(key)
        else known.set(key, instance)
      }
      return Roster.fromInstances(known.values())
    }
    // A server that ends the watch at once is not asked again at once.
    const changes = Stream.concat(Stream.map(gateway.watch(keys, revision), take), pause)
    return Stream.concat(Stream.sync(() => take(entries)), Stream.interruptWhen(changes, Effect.sleep(longestWatch)))
  })
  return Stream.forever(Stream.unwrap(once))
}

/** How etcd is told of instances. */
export const announcer = (gateway: Gateway, options: Options): Standing.Announcer => {
  const { prefix = defaultPrefix } = options
  const ttl = Duration.max(Duration.fromInputUnsafe(options.ttl ?? "10 seconds"), Duration.seconds(1))
  /** By key: who comes in the place of another has a lease of its own, and the older one runs out. */
  const leases = new Map<string, string>()
  const write = Effect.fnUntraced(function*({ key, value }: Record.Record) {
    const lease = yield* gateway.grant(Math.ceil(Duration.toSeconds(ttl)))
    yield* gateway.put(key, value, lease)
    leases.set(key, lease)
  })
  const announce = Effect.fnUntraced(function*(instance: Instance) {
    const record = Record.fromInstance(instance, prefix)
    if (Result.isFailure(record)) return yield* Effect.fail(Standing.invalid(instance, record.failure))
    yield* write(record.success)
    return record.success.key
  })
  const leaseOf = (instance: Instance) => {
    const record = Record.fromInstance(instance, prefix)
    return Result.isSuccess(record) ? leases.get(record.success.key) : undefined
  }
  return {
    registry: gateway.registry,
    announce,
    beat: Effect.fnUntraced(function*(instance) {
      const lease = leaseOf(instance)
      if (lease === undefined || !(yield* gateway.keepAlive(lease))) yield* announce(instance)
    }),
    withdraw: (instance) =>
      Effect.suspend(() => {
        const lease = leaseOf(instance)
        return lease === undefined ? Effect.void : gateway.revoke(lease)
      }),
    every: Duration.times(ttl, 0.2)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** A connection that is half dead says as little as one on which nothing changes: once a minute all is read again. */
const longestWatch = "60 seconds"

const pause = Stream.drain(Stream.fromEffect(Effect.sleep("1 second")))
