/**
 * Events kept by a stream of NATS JetStream, each delivered at least once.
 *
 * On the optional peer dependencies `@nats-io/jetstream` and `@nats-io/transport-node`. `NatsBroker` is for events that may
 * be lost.
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Broker } from "../Broker.ts"
import * as Limits from "../internal/broker/limits.ts"
import * as Publishing from "../internal/nats/jetstream/publishing.ts"
import * as EventStream from "../internal/nats/jetstream/stream.ts"
import * as Subscribing from "../internal/nats/jetstream/subscribing.ts"
import * as Link from "../internal/nats/link.ts"
import * as Nats from "../internal/nats/options.ts"
import * as Core from "../internal/nats/publishing.ts"
import * as Subject from "../internal/nats/subject.ts"

/** How to reach NATS, and what the stream keeps. */
export interface Options extends Nats.Options, EventStream.Options {}

/**
 * A broker on NATS JetStream.
 *
 * **Details**
 *
 * All topics are subjects of one stream: `orders.placed` is `micro.orders.placed`. The stream is created where there is
 * none. A group is a durable consumer, which is made by the first subscription to a topic and remembers from then on how
 * far the group has come, while nobody is there as well. A subscription without a group has a consumer of its own, which
 * goes with it. With `wildcards` a topic is a pattern of NATS.
 *
 * `publish` returns when the stream has stored the events, and names it in `acceptedBy`. Where no answer comes they are sent
 * again, until `timeout`; the stream knows them by their ids.
 *
 * **Gotchas**
 *
 * A group is never forgotten: one that is needed no more is removed with NATS' own tools.
 *
 * Who leaves gives back what it holds, at once. An event that the server hands out in the same moment comes again after
 * `ackWait`.
 */
export const make = (options?: Options): Effect.Effect<Broker["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const link = yield* Link.make(options ?? {})
    const stream = EventStream.make(link, options ?? {})
    return Broker.of({
      publish: yield* Publishing.make(link, stream),
      subscribe: Effect.fnUntraced(function*(topic, interest) {
        yield* Limits.check(topic, { group: interest.group }, 0)
        yield* Subject.check(topic, interest.wildcards === true)
        return yield* Effect.mapError(Subscribing.subscribe(link, stream, topic, interest), Core.unavailable(topic))
      })
    })
  })

/** A broker on NATS JetStream. */
export const layer = (options?: Options): Layer.Layer<Broker> => Layer.effect(Broker, make(options))

/** A broker on NATS JetStream as configured, with the variables of `NatsBroker.layerConfig`. */
export const layerConfig = (options?: Options): Layer.Layer<Broker, Config.ConfigError> =>
  Layer.effect(Broker, Effect.flatMap(Nats.over(options), make))
