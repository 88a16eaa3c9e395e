/**
 * Subscriptions of core NATS. The server forgets an event when it has pushed it; what was given back is handed out again by
 * whoever had it: to itself while its subscription lives, and to the others of its group when it leaves.
 */
import type { Msg, NatsConnection } from "@nats-io/transport-node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import type { Interest } from "../../Broker.ts"
import type { Delivery, Subscription } from "../../Message.ts"
import * as Headers from "./headers.ts"
import * as Inbox from "./inbox.ts"
import type { Link, Unreachable } from "./link.ts"
import { own } from "./subject.ts"

/** What a subscription holds at most. */
export interface Bounds {
  readonly inbox: number
  readonly inboxBytes: number
}

/** Subscribes until the scope closes. `name` tells events without an id apart. */
export const subscribe = Effect.fnUntraced(function*(
  link: Link,
  { inbox: capacity, inboxBytes }: Bounds,
  name: string,
  topic: string,
  { group, prefetch, wildcards }: Interest
): Effect.fn.Return<Subscription, Unreachable, Scope.Scope> {
  const scope = yield* Effect.scope
  const connection = yield* link.up
  const inbox = Inbox.make(capacity, inboxBytes)
  const held = new Set<Inbox.Entry>()
  const tell = yield* telling(topic)
  const back = group === undefined ? undefined : returnedTo(group, topic)
  let isLeaving = false
  let isLive = true
  let count = 0
  let refusal: Error | undefined
  const hear = (skip: number) => (error: Error | null, message: Msg) => {
    if (error !== null) return void (refusal = error)
    if (inbox.isFull()) return pause()
    const entry = entryOf(message, skip, () => `${name}-${++count}`)
    if (wildcards !== true || !isPrivate(entry.topic)) inbox.enter(entry)
  }
  const listen = (subject: string, skip: number) =>
    connection.subscribe(subject, { ...(group === undefined ? {} : { queue: group }), callback: hear(skip) })
  const listenAll = () => [listen(topic, 0), ...(back === undefined ? [] : [listen(`${back}.>`, back.length + 1)])]
  // To drop here what the server goes on to push would leave no time to handle anything.
  const pause = () => {
    if (subscriptions.length > 0) tell()
    for (const subscription of subscriptions) subscription.unsubscribe()
    subscriptions = []
  }
  let subscriptions = listenAll()
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      Effect.suspend(() => {
        isLeaving = true
        return drain(subscriptions)
      }),
      Effect.sync(() => {
        isLive = false
        for (const entry of [...held, ...inbox.clear()]) handOn(connection, back, entry)
        held.clear()
      })
    )
  )
  yield* link.flush
  if (refusal !== undefined) return yield* Effect.fail(link.unreachable("does not let this client listen", refusal))

  const again = (entry: Inbox.Entry) => () => {
    const next = { ...entry, handed: entry.handed + 1 }
    if (isLive) inbox.enter(next)
    else handOn(connection, back, next)
  }
  const deliver = (entry: Inbox.Entry): Delivery => ({
    message: entry.message,
    topic: entry.topic,
    attempt: entry.handed + 1,
    ack: group === undefined ? Effect.void : Effect.sync(() => void held.delete(entry)),
    giveBack: (delay) =>
      Effect.suspend(() => {
        held.delete(entry)
        const returning = Effect.sync(again(entry))
        return delay === undefined || !isLive
          ? returning
          : Effect.asVoid(Effect.forkIn(Effect.ensuring(Effect.sleep(delay), returning), scope))
      })
  })
  const hold = (entries: ReadonlyArray<Inbox.Entry>) => {
    if (group !== undefined) { for (const entry of entries) held.add(entry) }
    if (!isLeaving && subscriptions.length === 0 && inbox.hasRoom() && !connection.isClosed()) {
      subscriptions = listenAll()
    }
  }
  const pull = Effect.map(
    inbox.take(prefetch, hold),
    ([first, ...others]) => [deliver(first), ...others.map(deliver)] as const
  )
  return { deliveries: Stream.fromPull(Effect.succeed(pull)) }
})

// ---------------------------------------------------------------------------------------------------------------------

/** Tells the log that events are dropped, once in ten seconds. */
const telling = (topic: string): Effect.Effect<() => void> =>
  Effect.map(Effect.context<never>(), (context) => {
    const run = Effect.runForkWith(context)
    let isTold = false
    const silence = Effect.sync(() => void (isTold = false))
    const telling = Effect.logWarning(`A subscriber of ${topic} is too slow: events are dropped until it has caught up`)
    return () => {
      if (isTold) return
      isTold = true
      run(Effect.andThen(telling, Effect.delay(silence, "10 seconds")))
    }
  })

/** Where members of a group leave what they had for the others; the topic of the event comes behind it. */
const returnedTo = (group: string, topic: string): string =>
  `${own}returned.${Buffer.from(`${group} ${topic}`).toString("base64url")}`

/** What a pattern may match and no user has published: answers to requests, the server's own affairs, and ours. */
const isPrivate = (subject: string): boolean =>
  subject.startsWith("$") || subject.startsWith("_INBOX.") || subject.startsWith(own)

const entryOf = ({ data, headers: written, subject }: Msg, skip: number, makeId: () => string): Inbox.Entry => {
  const { handed, headers, id } = Headers.read(written)
  return { message: { id: id === "" ? makeId() : id, headers, body: data }, topic: subject.slice(skip), handed }
}

/** Nobody hears of an event that cannot be handed on: it is handed out at most once. */
const handOn = (
  connection: NatsConnection,
  back: string | undefined,
  { handed, message, topic }: Inbox.Entry
): void => {
  if (back === undefined || connection.isClosed()) return
  connection.publish(`${back}.${topic}`, message.body, { headers: Headers.writer()(message, handed) })
}

type Ending = { readonly drain: () => Promise<void> }

/** No more events come, and those that were on their way have. */
const drain = (subscriptions: ReadonlyArray<Ending>): Effect.Effect<void> =>
  Effect.asVoid(Effect.timeoutOption(
    Effect.promise(() => Promise.allSettled(subscriptions.map((one) => one.drain()))),
    Duration.seconds(1)
  ))
