/**
 * Events kept by streams of Redis, each delivered at least once.
 *
 * On the optional peer dependency `redis`.
 */
import type * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Broker } from "../Broker.ts"
import * as Limits from "../internal/broker/limits.ts"
import * as Link from "../internal/redis/link.ts"
import * as Redis from "../internal/redis/options.ts"
import * as Publishing from "../internal/redis/publishing.ts"
import * as Subscribing from "../internal/redis/subscribing.ts"

/** How to reach Redis, and what its streams keep. */
export interface Options extends Redis.Options {
  /** How the keys of the streams begin; `micro:` unless told. */
  readonly prefix?: string | undefined
  /** How many events a topic keeps, handled or not, or a few more; 1,000,000 unless told. Beyond it the oldest go. */
  readonly maxLength?: number | undefined
  /** After which an event of which nothing is heard is handed to somebody else; 30 seconds unless told. */
  readonly claimAfter?: Duration.Input | undefined
  /** The largest body of an event, in bytes; 1 MiB unless told. */
  readonly maxBody?: number | undefined
}

/**
 * A broker on Redis.
 *
 * **Details**
 *
 * A topic is a stream: `orders.placed` is the key `micro:orders.placed`. A group is a consumer group, which is made by the
 * first subscription and remembers from then on how far it has come, while nobody is there as well. A subscription without
 * a group has one of its own, which goes with it. There are no wildcards.
 *
 * `publish` returns when Redis has stored the events, and names the key in `acceptedBy`. Where no answer comes they are sent
 * again, until `timeout`; an event whose answer alone was lost is there twice. What survives a crash of Redis is what its
 * own persistence has written.
 *
 * **Gotchas**
 *
 * Each subscription has a connection of its own. What was given back is claimed within a second, by any member of the
 * group, and comes behind what is new.
 *
 * A group is never forgotten, and neither is the group of a subscription that crashed: `XGROUP DESTROY` removes it.
 */
export const make = (options?: Options): Effect.Effect<Broker["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const link = yield* Link.make(options ?? {})
    const { maxBody = Limits.maxBody, maxLength = 1_000_000, prefix = "micro:" } = options ?? {}
    const claimAfter = Duration.fromInputUnsafe(options?.claimAfter ?? "30 seconds")
    const publish = Publishing.make(link, maxLength)
    return Broker.of({
      publish: (topic, messages) =>
        Effect.andThen(
          Limits.check(topic, { messages }, maxBody),
          publish(topic, prefix + topic, messages)
        ),
      subscribe: Effect.fnUntraced(function*(topic, interest) {
        yield* Limits.check(topic, interest, maxBody)
        const place = { topic, key: prefix + topic, claimAfter }
        const subscribing = Subscribing.subscribe(link, options ?? {}, place, interest)
        return yield* Effect.mapError(subscribing, Publishing.unavailable(topic))
      })
    })
  })

/** A broker on Redis. */
export const layer = (options?: Options): Layer.Layer<Broker> => Layer.effect(Broker, make(options))

/** A broker on Redis as configured: `REDIS_URL`, `REDIS_USER` and `REDIS_PASSWORD`. */
export const layerConfig = (options?: Options): Layer.Layer<Broker, Config.ConfigError> =>
  Layer.effect(Broker, Effect.flatMap(Redis.over(options), make))
