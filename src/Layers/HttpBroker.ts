/**
 * Events from process to process, without a server between them.
 *
 * Who subscribes registers as an instance of one well-known service, and who publishes calls each of them over the
 * transport: with `HttpTransport`, over HTTP. Nothing is stored: an event reaches those who listen now, and `publish` tells
 * whether they accepted it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcRef from "effect/RcRef"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Broker } from "../Broker.ts"
import { BrokerError, BrokerUnavailable, Refused, Undelivered } from "../BrokerError.ts"
import * as Inbox from "../internal/broker/inbox.ts"
import * as Limits from "../internal/broker/limits.ts"
import * as Outbox from "../internal/broker/outbox.ts"
import * as Connections from "../internal/connections.ts"
import * as Id from "../internal/id.ts"
import * as Listings from "../internal/listings.ts"
import type { Message, Receipt } from "../Message.ts"
import { Instance, Registry, type RegistryError } from "../Registry.ts"
import { Transport } from "../Transport.ts"

/** The bounds of a broker. */
export interface Options {
  /** How long a handler may take to accept an event; 30 seconds unless told. */
  readonly timeout?: Duration.Input | undefined
  /** How many events wait for one subscription before more are refused; 1024 unless told. */
  readonly capacity?: number | undefined
  /** How many events are being published at a time, before `publish` waits its turn; 256 unless told. */
  readonly publishes?: number | undefined
  /** How many subscribers and groups are given an event at a time; 64 unless told. */
  readonly deliveries?: number | undefined
}

/**
 * A broker over a registry and a transport.
 *
 * **Details**
 *
 * `publish` returns when each subscriber without a group, and one member of each group, has accepted. A member that cannot
 * be reached or does not accept is passed over for the next one of its group. All parties are tried; then `Undelivered`
 * says who refused and why. A subscription handles one event at a time.
 *
 * **Gotchas**
 *
 * A subscription is live for its own process when `subscribe` returns, and for others once their registry tells of it.
 *
 * An event that was accepted by some is not taken back: who publishes it again gives it to them twice.
 *
 * Brokers of Go Micro register under the same service, and are left out: they do not speak this broker's wire.
 */
export const make = (
  options?: Options
): Effect.Effect<Broker["Service"], never, Registry | Transport | Scope.Scope> =>
  Effect.gen(function*() {
    const transport = yield* Transport
    const registry = yield* Registry
    const inbox = Inbox.make(options?.capacity ?? 1024)
    // Kept for a while after the last subscription: who has yet to hear of its end is told that it has left.
    const address = yield* RcRef.make({
      acquire: transport.listen(service, inbox.exchange),
      idleTimeToLive: "5 seconds"
    })
    const own = new Map<string, Instance>()
    const listing = (yield* Listings.make(registry))(service)
    const outbox: Outbox.Outbox = {
      isListed: ({ id }) => own.has(id) || (listing.list?.some((instance) => instance.id === id) ?? false),
      registry,
      connections: yield* Connections.make(transport),
      timeout: Duration.toMillis(Duration.fromInputUnsafe(options?.timeout ?? "30 seconds"))
    }
    const turn = yield* Semaphore.make(options?.publishes ?? 256)
    const concurrency = options?.deliveries ?? 64

    return Broker.of({
      publish: Effect.fnUntraced(function*(topic, messages) {
        yield* Limits.check(topic, { messages }, Limits.maxBody)
        if (!listing.isCurrent) yield* Effect.mapError(listing.ready, unavailable(topic))
        const parties = [...partiesOf(topic, own, listing.list ?? [])]
        const deliver = (message: Message) =>
          Effect.forEach(parties, ([name, party]) => Outbox.deliver(outbox, name, party, message), { concurrency })
        return settle(topic, yield* turn.withPermit(Effect.forEach(messages, deliver, { concurrency })))
      }, Effect.flatten),
      subscribe: Effect.fnUntraced(function*(topic, interest) {
        yield* Limits.check(topic, interest, Limits.maxBody)
        const group = interest.group ?? broadcast
        if (interest.group === broadcast) return yield* refused(topic, `the group ${broadcast} stands for no group`)
        const reachable = yield* Effect.mapError(RcRef.get(address), unavailable(topic))
        const instance = makeInstance(topic, group, yield* Id.make, reachable)
        const deliveries = yield* inbox.open(instance.id, topic)
        yield* Effect.mapError(registry.register(instance), unregistered(topic))
        yield* Effect.acquireRelease(
          Effect.sync(() => own.set(instance.id, instance)),
          () => Effect.sync(() => own.delete(instance.id))
        )
        return { deliveries }
      })
    })
  })

/** A broker over a registry and a transport. */
export const layer = (options?: Options): Layer.Layer<Broker, never, Registry | Transport> =>
  Layer.effect(Broker, make(options))

/** A broker over a registry and a transport, with the default bounds. */
export const HttpBrokerLive: Layer.Layer<Broker, never, Registry | Transport> = layer()

// ---------------------------------------------------------------------------------------------------------------------

// The names under which Go Micro's broker registers, so that its tools list these subscriptions too.
const service = "micro.http.broker"
const broadcast = "ff.http.broadcast"

// What tells these subscriptions from those of Go Micro.
const carrier = "effect-micro"

const makeInstance = (topic: string, group: string, id: string, address: string): Instance =>
  new Instance({
    // A label of DNS has 63 bytes: 32 for the id, 1 between, 30 of the topic for people to read.
    id: `${topic.replaceAll(/[^\w.-]/g, "_").slice(0, 30)}-${id}`,
    service,
    version: group,
    address,
    metadata: { broker: "http", topic, secure: String(address.startsWith("https:")), carrier },
    endpoints: []
  })

/** Who is to be given an event: the own subscribers as they are now, the others as the registry tells. */
const partiesOf = (
  topic: string,
  own: ReadonlyMap<string, Instance>,
  listed: ReadonlyArray<Instance>
): ReadonlyMap<string, ReadonlyArray<Instance>> => {
  const others = listed.filter(({ id, metadata }) => metadata["carrier"] === carrier && !own.has(id))
  const subscribers = [...own.values(), ...others].filter(({ metadata }) => metadata["topic"] === topic)
  return Map.groupBy(subscribers, ({ id, version }) => version === broadcast ? id : version)
}

/** What became of each event at each party. */
const settle = (
  topic: string,
  events: ReadonlyArray<ReadonlyArray<Outbox.Outcome>>
): Effect.Effect<Receipt, BrokerError> => {
  const refusals = events.flatMap((outcomes, event) =>
    outcomes.flatMap((outcome) => outcome.refusals.map((refusal) => ({ ...refusal, events: [event] })))
  )
  const parties = new Set(events.flatMap((outcomes) => outcomes.map(({ party }) => party)))
  for (const outcome of events.flat()) if (!outcome.accepted) parties.delete(outcome.party)
  const acceptedBy = [...parties].toSorted()
  return refusals.length === 0
    ? Effect.succeed({ acceptedBy })
    : Effect.fail(new BrokerError({ reason: new Undelivered({ topic, acceptedBy, refusals }) }))
}

const refused = (topic: string, problem: string) => new BrokerError({ reason: new Refused({ topic, problem }) })

const unavailable = (topic: string) => (cause: unknown) =>
  new BrokerError({ reason: new BrokerUnavailable({ topic, cause }) })

const unregistered = (topic: string) => (error: RegistryError): BrokerError =>
  error.reason._tag === "InvalidInstance" ? refused(topic, error.reason.problem) : unavailable(topic)(error)
