/**
 * Events within one process.
 *
 * Each subscription without a group, and each group, has a backlog of its own. A group's members take from its backlog
 * as they become idle, so the events go round and a slow member holds nobody up.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broker } from "../Broker.ts"
import * as Backlog from "../internal/broker/backlog.ts"
import * as Limits from "../internal/broker/limits.ts"
import type { Delivery } from "../Message.ts"

/** The bounds of a broker. */
export interface Options {
  /** How many events wait for a subscription or a group before `publish` waits for room; 1024 unless told. */
  readonly capacity?: number | undefined
  /** The largest body of an event, in bytes; 1 MiB unless told. */
  readonly maxBody?: number | undefined
}

/**
 * A broker in the memory of one process.
 *
 * **Details**
 *
 * To publish is to put events into the backlogs of all who listen now, and to wait where one of them is full; handlers
 * run later, in the order of publishing. What is given back waits behind the others, for any member of its group. Where
 * the last subscription of a backlog ends, what waits in it is dropped.
 *
 * Topics and groups have 1 to 200 visible ASCII characters. There are no wildcards.
 *
 * **Gotchas**
 *
 * A handler that publishes to the topic it listens to waits for itself once its backlog is full.
 */
export const make = (options?: Options): Effect.Effect<Broker["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const maxBody = options?.maxBody ?? Limits.maxBody
    const groups = makeGroups(options?.capacity ?? 1024)
    yield* Effect.addFinalizer(() => groups.end)

    return Broker.of({
      publish: Effect.fnUntraced(function*(topic, messages) {
        yield* Limits.check(topic, { messages }, maxBody)
        const listening = [...groups.of(topic)]
        yield* Effect.forEach(listening, ([, { backlog }]) => backlog.offer(messages), {
          concurrency: "unbounded",
          discard: true
        })
        return { acceptedBy: listening.map(([name]) => name).toSorted() }
      }),
      subscribe: Effect.fnUntraced(function*(topic, interest) {
        yield* Limits.check(topic, interest, maxBody)
        const { backlog } = yield* groups.join(topic, interest.group)
        // One by one within a group, so that whoever is idle gets the next.
        const most = interest.group === undefined ? interest.prefetch : 1
        return { deliveries: yield* handedOut(backlog, topic, most, scope) }
      })
    })
  })

/** A broker in the memory of one process. Who shares the layer shares the broker. */
export const layer = (options?: Options): Layer.Layer<Broker> => Layer.effect(Broker, make(options))

/** A broker in the memory of one process, with the default bounds. */
export const MemoryBrokerLive: Layer.Layer<Broker> = layer()

// ---------------------------------------------------------------------------------------------------------------------

/** Who share their events; a subscription without a group is one of its own. */
interface Group {
  readonly backlog: Backlog.Backlog
  members: number
}

interface Groups {
  /** Those who listen to a topic, by name. */
  readonly of: (topic: string) => Iterable<readonly [string, Group]>
  /** Is a member of the group until the scope closes; of one of its own without a name. */
  readonly join: (topic: string, name: string | undefined) => Effect.Effect<Group, never, Scope.Scope>
  readonly end: Effect.Effect<void>
}

const makeGroups = (capacity: number): Groups => {
  const topics = new Map<string, Map<string, Group>>()
  let unnamed = 0
  const enter = (topic: string, name: string) => {
    const groups = topics.get(topic) ?? new Map<string, Group>()
    const group = groups.get(name) ?? { backlog: Backlog.make(capacity), members: 0 }
    topics.set(topic, groups.set(name, group))
    group.members++
    return group
  }
  const leave = (topic: string, name: string, group: Group): Effect.Effect<void> => {
    if (--group.members > 0) return Effect.void
    const groups = topics.get(topic)
    groups?.delete(name)
    if (groups?.size === 0) topics.delete(topic)
    return group.backlog.end
  }
  return {
    of: (topic) => topics.get(topic) ?? [],
    join: (topic, group) =>
      Effect.suspend(() => {
        const name = group ?? `#${++unnamed}`
        return Effect.acquireRelease(
          Effect.sync(() => enter(topic, name)),
          (group) => Effect.suspend(() => leave(topic, name, group))
        )
      }),
    end: Effect.suspend(() =>
      Effect.forEach(
        [...topics.values()].flatMap((groups) => Array.from(groups.values())),
        ({ backlog }) => backlog.end,
        {
          discard: true
        }
      )
    )
  }
}

/** Takes from a backlog, so many at a time; what is not settled when the scope closes is put back. */
const handedOut = (
  backlog: Backlog.Backlog,
  topic: string,
  most: number,
  broker: Scope.Scope
): Effect.Effect<Stream.Stream<Delivery>, never, Scope.Scope> => {
  const unsettled = new Set<Backlog.Entry>()
  const deliver = (entry: Backlog.Entry): Delivery => ({
    message: entry.message,
    topic,
    attempt: entry.handed + 1,
    ack: Effect.sync(() => void unsettled.delete(entry)),
    ackUnsafe: () => void unsettled.delete(entry),
    giveBack: (delay) =>
      Effect.suspend(() => {
        unsettled.delete(entry)
        const back = backlog.giveBack([again(entry)])
        return delay === undefined ? back : Effect.asVoid(Effect.forkIn(Effect.delay(back, delay), broker))
      })
  })
  const take = backlog.take(most, (entries) => {
    for (const entry of entries) unsettled.add(entry)
  })
  const pull = Effect.map(take, ([first, ...others]) => [deliver(first), ...others.map(deliver)] as const)
  return Effect.as(
    Effect.addFinalizer(() => backlog.giveBack([...unsettled].map(again))),
    Stream.fromPull(Effect.succeed(pull))
  )
}

const again = ({ handed, message }: Backlog.Entry): Backlog.Entry => ({ message, handed: handed + 1 })
