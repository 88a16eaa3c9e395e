/**
 * Events from process to process, without a server between them.
 *
 * Who subscribes registers as an instance of one well-known service, and who publishes sends to each of them over the
 * transport: with `HttpTransport`, over its multiplexed lane. Nothing is stored: an event reaches those who listen now, and
 * `publish` tells whether they accepted it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcRef from "effect/RcRef"
import type * as Scope from "effect/Scope"
import { Broker } from "../Broker.ts"
import { BrokerError, BrokerUnavailable, Refused } from "../BrokerError.ts"
import * as Inbox from "../internal/broker/http/inbox.ts"
import * as Members from "../internal/broker/http/members.ts"
import * as Publisher from "../internal/broker/http/publisher.ts"
import * as Limits from "../internal/broker/limits.ts"
import * as Connections from "../internal/connections.ts"
import * as Id from "../internal/id.ts"
import * as Listings from "../internal/listings.ts"
import { Instance, Registry, type RegistryError } from "../Registry.ts"
import { Selector } from "../Selector.ts"
import { Transport } from "../Transport.ts"

/** The bounds of a broker. */
export interface Options {
  /** How long events may take to be accepted by those who listen; 30 seconds unless told. */
  readonly timeout?: Duration.Input | undefined
  /** How many events wait for a subscriber, or are sent and not settled, at one publisher; 16,384 unless told. */
  readonly outbox?: number | undefined
  /** How many bytes these events may have; 16 MiB unless told. */
  readonly outboxBytes?: number | undefined
  /**
   * What becomes of events for which a subscriber's outbox has no room: `publish` waits for it (unless told), the oldest
   * that wait are dropped, or the new ones are refused.
   */
  readonly whenFull?: "wait" | "drop-oldest" | "fail" | undefined
  /** How many events a subscription holds before it reads no more of them; 4096 unless told. */
  readonly inbox?: number | undefined
  /** Whether to speak with services of Go Micro's first version, too, at the price of a second registration; no unless told. */
  readonly firstGoMicro?: boolean | undefined
  /** The largest body of an event, in bytes; 1 MiB unless told. */
  readonly maxBody?: number | undefined
}

/**
 * A broker over a registry, a selector and a transport.
 *
 * **Details**
 *
 * `publish` returns when each subscriber without a group, and one member of each group, has accepted: their handlers have
 * run, or the event lies in the dead letters. Members are chosen by the selector; one that cannot be reached, leaves, or
 * gives back is passed over for another. A subscriber that cannot be reached is tried again for as long as the registry
 * knows it, with a pause of full jitter of up to 5 seconds. What was not accepted in time is refused: `Undelivered` says by
 * whom, and why.
 *
 * Each publisher has an outbox for each subscriber, and sends all that waits in it together. The events of one publisher
 * keep their order at a subscriber without a group, but those that were given back. A subscriber that is slow is not waited
 * for by the others.
 *
 * **Gotchas**
 *
 * A subscription is live for its own process when `subscribe` returns, and for others once their registry tells of it.
 *
 * An event that was accepted by some is not taken back: who publishes it again gives it to them twice. So does a
 * connection that is lost before an acknowledgement has come.
 *
 * More publishings than 1024 do not wait for one outbox; those beyond are refused.
 *
 * The brokers of Go Micro find these subscriptions, and are found. They do not say what became of a handler: an event that
 * they have answered counts as accepted. Those under TLS are not published to.
 */
export const make = (
  options?: Options
): Effect.Effect<Broker["Service"], never, Registry | Selector | Transport | Scope.Scope> =>
  Effect.gen(function*() {
    const transport = yield* Transport
    const registry = yield* Registry
    const maxBody = options?.maxBody ?? Limits.maxBody
    const inbox = Inbox.make(options?.inbox ?? 4096)
    // Kept for a while after the last subscription: who has yet to hear of its end is told that it has left.
    const address = yield* RcRef.make({
      acquire: transport.listen(Members.service, inbox.exchange),
      idleTimeToLive: "5 seconds"
    })
    const services = options?.firstGoMicro === true ? [Members.service, Members.firstService] : [Members.service]
    const listings = services.map(yield* Listings.make(registry))
    const members = Members.make(listings)
    const publisher = yield* Publisher.make({
      members,
      registry,
      selector: yield* Selector,
      connections: yield* Connections.make(transport),
      bounds: {
        capacity: options?.outbox ?? 16_384,
        maxBytes: options?.outboxBytes ?? 16 * 1024 * 1024,
        whenFull: options?.whenFull ?? "wait"
      },
      timeout: Duration.toMillis(Duration.fromInputUnsafe(options?.timeout ?? "30 seconds"))
    })

    return Broker.of({
      publish: Effect.fnUntraced(function*(topic, messages) {
        yield* Limits.check(topic, { messages }, maxBody)
        for (const { isCurrent, ready } of listings) {
          if (!isCurrent) yield* Effect.mapError(ready, unavailable(topic))
        }
        return yield* publisher.publish(topic, messages)
      }),
      subscribe: Effect.fnUntraced(function*(topic, interest) {
        yield* Limits.check(topic, interest, maxBody)
        if (interest.group === Members.broadcast) return yield* reserved(topic)
        const reachable = yield* Effect.mapError(RcRef.get(address), unavailable(topic))
        const instance = Members.makeInstance(topic, interest.group, yield* Id.make, reachable)
        const deliveries = yield* inbox.open(instance.id, topic, interest.prefetch)
        for (const service of services) {
          const registered = registry.register(new Instance({ ...instance, service }))
          yield* Effect.mapError(registered, unregistered(topic))
        }
        yield* Effect.acquireRelease(
          Effect.sync(() => members.join(instance)),
          () => Effect.sync(() => members.leave(instance))
        )
        return { deliveries }
      })
    })
  })

/** A broker over a registry, a selector and a transport. */
export const layer = (options?: Options): Layer.Layer<Broker, never, Registry | Selector | Transport> =>
  Layer.effect(Broker, make(options))

/** A broker over a registry, a selector and a transport, with the default bounds. */
export const HttpBrokerLive: Layer.Layer<Broker, never, Registry | Selector | Transport> = layer()

// ---------------------------------------------------------------------------------------------------------------------

const refused = (topic: string, problem: string) => new BrokerError({ reason: new Refused({ topic, problem }) })

const reserved = (topic: string) => refused(topic, `the group ${Members.broadcast} stands for no group`)

const unavailable = (topic: string) => (cause: unknown) =>
  new BrokerError({ reason: new BrokerUnavailable({ topic, cause }) })

const unregistered = (topic: string) => (error: RegistryError): BrokerError =>
  error.reason._tag === "InvalidInstance" ? refused(topic, error.reason.problem) : unavailable(topic)(error)
