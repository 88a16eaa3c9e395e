/**
 * Finds out who is there, for as long as somebody wants to know.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Instance, RegistryError, RegistryUnavailable } from "../../Registry.ts"
import type { Latest } from "../registry/latest.ts"
import * as Roster from "../registry/roster.ts"
import * as Cache from "./cache.ts"
import { isLoopback } from "./interfaces.ts"
import type { Link } from "./link.ts"
import * as Names from "./names.ts"
import type { Packet } from "./packet.ts"
import * as Sighting from "./sighting.ts"
import type { From } from "./socket.ts"

/** Finds out who is there. */
export interface Browser {
  readonly watch: (service: string) => Stream.Stream<Roster.Roster, RegistryError>
  readonly doubt: (instance: Instance) => Effect.Effect<void>
  /** Believes what a packet says about instances. */
  readonly hear: (packet: Packet, from: From) => Effect.Effect<void>
}

/**
 * Milliseconds. The first list is there when nobody answered in the window, or when those who answer at all had the time
 * to, counted from the first answer. One question may be lost, so a second one falls into the window.
 */
const first = { window: 150, settle: 40 }

/** Milliseconds from one question to the next; the last one stays. It is half a TTL, so that one may be lost. */
const rounds = [50, 1000, 3000, 9000, 27_000, 60_000]

/** Services that are looked for at a time, and how long after the last one has lost interest. */
const interest = { capacity: 1024, idleTimeToLive: "30 seconds" } as const

/** Finds out who is there, over the link, and believes it in the cache. */
export const make = (
  link: Link,
  cache: Latest<Cache.Cache>,
  domain: string
): Effect.Effect<Browser, never, Scope.Scope> =>
  Effect.gen(function*() {
    const wanted = yield* RcMap.make({ ...interest, lookup: (service: string) => browse(link, cache, domain, service) })
    yield* Effect.forkScoped(tend(link, cache, domain))
    return {
      watch: (service) =>
        // Nobody can have such a name, so nobody is there.
        Names.problemOf(Names.ofService(service, domain)) !== undefined
          ? Stream.concat(Stream.succeed([]), Stream.never)
          : Stream.unwrap(
            RcMap.get(wanted, service).pipe(
              Effect.mapError((cause) => new RegistryError({ reason: new RegistryUnavailable({ ...tooMany, cause }) })),
              Effect.as(rosters(cache, service))
            )
          ),
      doubt: (instance) => Effect.flatMap(Clock.currentTimeMillis, (now) => cache.update(Cache.doubt(instance, now))),
      hear: Effect.fnUntraced(function*(packet, from) {
        const { isOwn } = yield* link.interfaces
        const now = yield* Clock.currentTimeMillis
        const luck = yield* Random.next
        for (const sighting of Sighting.fromPacket(packet, domain)) {
          // Somebody else's loopback is not ours.
          if (isLoopback(sighting.ip ?? "") && !isOwn(from.address)) continue
          yield* cache.update(Cache.hear(sighting, now, luck))
        }
      })
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

const tooMany = { registry: "mDNS", problem: `${interest.capacity} services are watched already` }

const rosters = (cache: Latest<Cache.Cache>, service: string): Stream.Stream<Roster.Roster> =>
  cache.changes.pipe(
    Stream.map((cache) => Cache.rosterOf(cache, service)),
    Stream.filter((roster) => roster !== undefined),
    Stream.changesWith((a, b) => a === b || Roster.same(a, b))
  )

/** Looks for a service until the scope closes. */
const browse = Effect.fnUntraced(function*(link: Link, cache: Latest<Cache.Cache>, domain: string, service: string) {
  yield* Effect.acquireRelease(cache.update(Cache.browse(service)), () => cache.update(Cache.forget(service)))
  const ask = link.ask(Names.ofService(service, domain), "PTR")
  const answered = awaitCache(cache, (cache) => Cache.isAnswered(cache, service))
  const settled = Effect.andThen(answered, Effect.sleep(first.settle))
  const know = Effect.andThen(
    Effect.raceFirst(settled, Effect.sleep(first.window)),
    cache.update(Cache.know(service))
  )
  const asking = Effect.gen(function*() {
    for (let round = 0;; round++) {
      yield* ask
      const wait = rounds[Math.min(round, rounds.length - 1)] ?? first.window
      yield* Effect.sleep(wait * (0.9 + 0.2 * (yield* Random.next)))
    }
  })
  yield* Effect.forkScoped(know)
  yield* Effect.forkScoped(asking)
})

/** Asks again for those whose time is nearly over, and drops those whose time is. */
const tend = (link: Link, cache: Latest<Cache.Cache>, domain: string): Effect.Effect<never> =>
  Effect.gen(function*() {
    const due = yield* cache.modify(Cache.tick(yield* Clock.currentTimeMillis))
    for (const { id, service } of due) yield* link.ask(Names.ofInstance(id, service, domain), "ANY")
    const { next } = yield* cache.get
    const wait = Math.max(0, next - (yield* Clock.currentTimeMillis))
    const sooner = awaitCache(cache, (cache) => cache.next < next)
    yield* Number.isFinite(wait) ? Effect.raceFirst(Effect.sleep(wait), sooner) : sooner
  }).pipe(Effect.forever)

const awaitCache = (cache: Latest<Cache.Cache>, passes: (cache: Cache.Cache) => boolean): Effect.Effect<void> =>
  Effect.asVoid(Stream.runHead(Stream.filter(cache.changes, passes)))
