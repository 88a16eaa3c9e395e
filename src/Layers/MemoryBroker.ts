/**
 * Events within one process.
 *
 * Each subscriber without a group, and each group, has a queue of its own. A group's members take from its queue as they
 * become idle, so the events go round and a slow member holds nobody up.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { Broker, type Message } from "../Broker.ts"
import * as Subscription from "../internal/broker/subscription.ts"

/** The bounds of a broker. */
export interface Options {
  /** How many events wait for a subscriber or a group before `publish` waits for room; 1024 unless told. */
  readonly capacity?: number | undefined
  /** How often an event is given to handlers that do not accept it; 3 times unless told. */
  readonly deliveries?: number | undefined
}

/**
 * A broker in the memory of one process.
 *
 * **Details**
 *
 * To publish is to put the event into the queues of all who listen now, and to wait where one of them is full; handlers
 * run later, each with one event at a time, in the order of publishing. An event that a member of a group does not accept
 * is given to the next member, or again to the same one where it is alone. After the last delivery it is dropped, and the
 * log says so. Where the last subscriber of a queue leaves, what waits in it is dropped.
 *
 * **Gotchas**
 *
 * A handler that publishes to the topic it listens to waits for itself once its queue is full.
 */
export const make = (options?: Options): Effect.Effect<Broker["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    // Parallel: a worker ends when its handler does, and the handler when its own scope closes.
    const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
    const capacity = options?.capacity ?? 1024
    const deliveries = options?.deliveries ?? 3
    const topics = new Map<string, Groups>()

    return Broker.of({
      publish: (topic, message) =>
        Effect.suspend(() => {
          const full: Array<Effect.Effect<boolean>> = []
          for (const { queue } of topics.get(topic)?.values() ?? []) {
            if (!Queue.offerUnsafe(queue, message)) full.push(Queue.offer(queue, message))
          }
          return Effect.all(full, { concurrency: "unbounded", discard: true })
        }),
      subscribe: (topic, handler, options) =>
        Effect.acquireRelease(
          Effect.gen(function*() {
            const own = yield* Scope.fork(scope)
            const member = yield* Subscription.make(topic, handler, own)
            const group = yield* join(topics, topic, options?.group ?? Symbol(topic), capacity)
            group.members.push(member)
            const worker = yield* Effect.forkIn(work(group, member, deliveries), scope)
            return { group, member, own, worker }
          }),
          ({ group, member, own, worker }, exit) =>
            Effect.suspend(() => {
              leave(group, member)
              // Not awaited: the worker may have an event in hand, and sees it through with the other members.
              worker.interruptUnsafe()
              return Scope.close(own, exit)
            })
        )
    })
  })

/** A broker in the memory of one process. Who shares the layer shares the broker. */
export const layer = (options?: Options): Layer.Layer<Broker> => Layer.effect(Broker, make(options))

/** A broker in the memory of one process, with the default bounds. */
export const MemoryBrokerLive: Layer.Layer<Broker> = layer()

// ---------------------------------------------------------------------------------------------------------------------

/** By name; who listens without a group has a symbol for one. */
type Groups = Map<string | symbol, Group>

interface Group {
  readonly topic: string
  readonly queue: Queue.Queue<Message>
  readonly members: Array<Subscription.Subscription>
  readonly disband: () => void
}

const join = (topics: Map<string, Groups>, topic: string, name: string | symbol, capacity: number) =>
  Effect.map(Queue.bounded<Message>(capacity), (queue): Group => {
    const groups: Groups = topics.get(topic) ?? new Map()
    topics.set(topic, groups)
    const disband = () => {
      groups.delete(name)
      if (groups.size === 0) topics.delete(topic)
      Queue.shutdownUnsafe(queue)
    }
    const group = groups.get(name) ?? { topic, queue, members: [], disband }
    groups.set(name, group)
    return group
  })

const leave = (group: Group, member: Subscription.Subscription): void => {
  const at = group.members.indexOf(member)
  if (at === -1) return
  group.members.splice(at, 1)
  if (group.members.length === 0) group.disband()
}

/** Interrupted only between events: one that was taken is seen through. */
const work = (group: Group, member: Subscription.Subscription, deliveries: number): Effect.Effect<never> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.forever(
      Effect.flatMap(restore(Queue.take(group.queue)), (message) => give(group, member, message, deliveries))
    )
  )

const give = (
  group: Group,
  member: Subscription.Subscription,
  message: Message,
  deliveries: number
): Effect.Effect<void> =>
  Effect.flatMap(member.deliver(message), (exit) => {
    if (exit._tag === "Success") return Effect.void
    // Who leaves has not refused, so that delivery does not count. This ends, as each one leaves once.
    const isOver = member.isOver()
    if (isOver) leave(group, member)
    const next = group.members[(group.members.indexOf(member) + 1) % group.members.length]
    if (next === undefined) return Effect.void
    const left = isOver ? deliveries : deliveries - 1
    if (left === 0) return Effect.annotateLogs(Effect.logError("An event was given up"), { topic: group.topic })
    return give(group, next, message, left)
  })
