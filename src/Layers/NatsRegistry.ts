/**
 * Who is running, as they tell each other over NATS.
 *
 * On the optional peer dependency `@nats-io/transport-node`. With `NatsTransport` and `NatsBroker` a fleet needs nothing but a
 * server of NATS, and no JetStream.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equivalence from "effect/Equivalence"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Link from "../internal/nats/link.ts"
import * as Nats from "../internal/nats/options.ts"
import * as Fleet from "../internal/nats/registry/fleet.ts"
import * as Roll from "../internal/nats/registry/roll.ts"
import * as Roster from "../internal/registry/roster.ts"
import { Registry } from "../Registry.ts"

/** How to reach NATS, and how instances tell of each other. */
export interface Options extends Nats.Options {
  /** Only those in the same domain find each other: letters, digits, `_` and `-`. Default `micro`. */
  readonly domain?: string | undefined
  /** How often an instance says that it is there; who was not heard three times is gone. Default 5 seconds. */
  readonly heartbeat?: Duration.Input | undefined
}

/** Certificates towards the servers. */
export type TlsOptions = Nats.TlsOptions

/**
 * A registry over NATS.
 *
 * **Details**
 *
 * Who registers says so to all, and again with each heartbeat; who asks is answered by all who are there. The first list is
 * there 50 ms after the last answer, and at once where the server knows that nobody would answer. Who leaves is gone at once,
 * who crashed within two seconds of being doubted, and otherwise when it was not heard for three heartbeats.
 *
 * While the server is away the last list stays. When it is back everybody says again that it is there, and has the time
 * for it.
 *
 * **Gotchas**
 *
 * Servers of NATS store nothing of this: whoever may publish to `_micro.fleet.>` may announce instances.
 */
export const make = (options?: Options): Effect.Effect<Registry["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const domain = options?.domain ?? "micro"
    if (!/^[\w-]{1,64}$/.test(domain)) {
      return yield* Effect.die(
        new RangeError(`${JSON.stringify(domain)} is no domain: it has 1 to 64 of a-z, A-Z, 0-9, _ and -`)
      )
    }
    const link = yield* Link.make(options ?? {})
    const fleet = yield* Fleet.make(link, domain, Duration.fromInputUnsafe(options?.heartbeat ?? "5 seconds"))
    return Registry.of({
      register: fleet.register,
      watch: (service) =>
        fleet.rolls.pipe(
          Stream.map((roll) => Roll.rosterOf(roll, service)),
          Stream.changesWith(Roster.same)
        ),
      services: fleet.rolls.pipe(
        Stream.map(Roll.servicesOf),
        Stream.changesWith(Arr.makeEquivalence(Equivalence.String))
      ),
      doubt: (instance) => Effect.flatMap(Clock.currentTimeMillis, (now) => fleet.doubt(instance, now))
    })
  })

/** A registry over NATS. */
export const layer = (options?: Options): Layer.Layer<Registry> => Layer.effect(Registry, make(options))

/** A registry over NATS as configured, with the variables of `NatsBroker.layerConfig`. */
export const layerConfig = (options?: Options): Layer.Layer<Registry, Config.ConfigError> =>
  Layer.effect(Registry, Effect.flatMap(Nats.over(options), make))
