/**
 * Events over subjects of NATS, each at most once: a server that is fast, and stores nothing.
 *
 * On the optional peer dependency `@nats-io/transport-node`. `JetStreamBroker` is for events that must not be lost.
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Broker } from "../Broker.ts"
import * as Limits from "../internal/broker/limits.ts"
import * as Id from "../internal/id.ts"
import * as Link from "../internal/nats/link.ts"
import * as Nats from "../internal/nats/options.ts"
import * as Publishing from "../internal/nats/publishing.ts"
import * as Subject from "../internal/nats/subject.ts"
import * as Subscribing from "../internal/nats/subscribing.ts"

/** How to reach NATS, and the bounds of a broker. */
export interface Options extends Nats.Options {
  /** How many events wait for a subscription before it stops listening for more; 65,536 unless told. */
  readonly inbox?: number | undefined
  /** How many bytes these events may have; 64 MiB unless told. */
  readonly inboxBytes?: number | undefined
}

/** Certificates towards the servers. */
export type TlsOptions = Nats.TlsOptions

/**
 * A broker on core NATS.
 *
 * **Details**
 *
 * A topic is a subject, and a group is a queue group; with `wildcards` a topic is a pattern of NATS (`orders.*`,
 * `orders.>`). `publish` returns when the server has taken the events, and names it in `acceptedBy`; whether anybody
 * listens the server does not tell.
 *
 * The connection is made in the background and again whenever it is lost; subscriptions come back with it. Until it is
 * there `publish` and `subscribe` wait, and fail with `BrokerUnavailable` after `timeout`.
 *
 * An event that is given back is handed out again by the process that had it: to the same subscription, or, where that
 * has ended, to another member of its group.
 *
 * **Gotchas**
 *
 * Who crashes, or is away, loses its events. A subscription whose inbox is full does not listen until half of it is
 * handled, and the log says so: what is published meanwhile goes to others of its group, or is lost to it.
 * `publish` that fails may have published.
 */
export const make = (options?: Options): Effect.Effect<Broker["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const link = yield* Link.make(options ?? {})
    const bounds = { inbox: options?.inbox ?? 65_536, inboxBytes: options?.inboxBytes ?? 64 * 1024 * 1024 }
    const name = yield* Id.make
    return Broker.of({
      publish: (topic, messages) => Publishing.publish(link, topic, messages),
      subscribe: Effect.fnUntraced(function*(topic, interest) {
        yield* Limits.check(topic, { group: interest.group }, 0)
        yield* Subject.check(topic, interest.wildcards === true)
        const subscribing = Subscribing.subscribe(link, bounds, name, topic, interest)
        return yield* Effect.mapError(subscribing, Publishing.unavailable(topic))
      })
    })
  })

/** A broker on core NATS. */
export const layer = (options?: Options): Layer.Layer<Broker> => Layer.effect(Broker, make(options))

/**
 * A broker on core NATS as configured: `NATS_URL` (several with commas between them), `NATS_TOKEN`, `NATS_USER`,
 * `NATS_PASSWORD`, `NATS_CREDENTIALS`, and `NATS_CA`, the file of an authority.
 */
export const layerConfig = (options?: Options): Layer.Layer<Broker, Config.ConfigError> =>
  Layer.effect(Broker, Effect.flatMap(Nats.over(options), make))
