/**
 * Subscriptions of core NATS. The server forgets an event when it has pushed it; what was given back is handed out again by
 * whoever had it: to itself while its subscription lives, and to the others of its group when it leaves.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Interest } from "../../Broker.ts"
import type { Subscription } from "../../Message.ts"
import { Entry, type Holder } from "./entry.ts"
import * as Inbox from "./inbox.ts"
import type { Link, Unreachable } from "./link.ts"
import * as Listening from "./listening.ts"

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
  interest: Interest
): Effect.fn.Return<Subscription, Unreachable, Scope.Scope> {
  const scope = yield* Effect.scope
  const connection = yield* link.up
  const inbox = Inbox.make(capacity, inboxBytes)
  const held = new Set<Entry>()
  const tell = yield* telling(topic)
  let isLive = true
  const enter = (entry: Entry) => {
    if (isLive) inbox.enter(entry)
    else listening.handOn(entry.message, entry.topic, entry.handed)
  }
  const holder: Holder = {
    settled: (entry) => void held.delete(entry),
    again: (entry, delay) => {
      const returning = Effect.sync(() => enter(entry))
      return delay === undefined || !isLive
        ? returning
        : Effect.asVoid(Effect.forkIn(Effect.ensuring(Effect.sleep(delay), returning), scope))
    }
  }
  const listening: Listening.Listening = Listening.make(connection, topic, interest, name, {
    isReady: () => {
      if (!inbox.isFull()) return true
      // To drop here what the server goes on to push would leave no time to handle anything.
      if (!listening.isPaused()) tell()
      listening.pause()
      return false
    },
    heard: (message, from, handed) => inbox.enter(new Entry(message, from, handed, holder))
  })
  listening.start()
  let isLeaving = false
  const leave = Effect.sync(() => {
    isLive = false
    for (const entry of [...held, ...inbox.clear()]) enter(entry)
    held.clear()
  })
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      Effect.suspend(() => {
        isLeaving = true
        return listening.drain
      }),
      leave
    )
  )
  yield* link.flush
  const refusal = listening.refusal()
  if (refusal !== undefined) return yield* Effect.fail(link.unreachable("does not let this client listen", refusal))

  const hold = (entries: ReadonlyArray<Entry>) => {
    // Without a group there is nobody else who could have them.
    if (interest.group !== undefined) { for (const entry of entries) held.add(entry) }
    if (!isLeaving && listening.isPaused() && inbox.hasRoom() && !connection.isClosed()) listening.start()
  }
  return { deliveries: Stream.fromPull(Effect.succeed(inbox.take(interest.prefetch, hold))) }
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
