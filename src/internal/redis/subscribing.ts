/**
 * Subscriptions to a stream of Redis. Each has a connection of its own, which waits for new entries; all else goes over the
 * one that they share.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Interest } from "../../Broker.ts"
import type { Delivery, Subscription } from "../../Message.ts"
import * as Id from "../id.ts"
import * as Entries from "./entries.ts"
import * as Group from "./group.ts"
import * as Holding from "./holding.ts"
import * as Connection from "./link.ts"
import type { Options } from "./options.ts"

/** Where to subscribe. */
export interface Place {
  readonly topic: string
  readonly key: string
  /** After which an entry of which nothing was heard may be claimed by others. */
  readonly claimAfter: Duration.Duration
}

/** Subscribes until the scope closes. */
export const subscribe = Effect.fnUntraced(function*(
  link: Connection.Link,
  options: Options,
  { claimAfter, key, topic }: Place,
  { group, prefetch }: Interest
): Effect.fn.Return<Subscription, Connection.Unreachable, Scope.Scope> {
  const scope = yield* Effect.scope
  const consumer = yield* Id.make
  // No group that has a name has a space in it.
  const member: Group.Member = { key, group: group ?? `only ${consumer}`, consumer }
  const claimAfterMillis = Duration.toMillis(claimAfter)
  const reader = yield* Connection.make(options)
  yield* link.up
  const created = asking(link, () => Group.create(link, member, "$"))
  yield* group === undefined
    ? Effect.acquireRelease(created, () => bounded(link, () => Group.destroy(link, member)))
    : created
  yield* reader.up
  const holding = Holding.make(link, { member, prefetch, claimAfterMillis })
  const endReading = yield* reading(link, reader, member, holding)
  const { end: endClaiming, nudge } = yield* claiming(link, member, holding, claimAfterMillis)
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Effect.zipWith(endClaiming, endReading, (claimed, read) => claimed && read), (isOver) => {
      const left = bounded(link, holding.end)
      return isOver && group !== undefined
        ? Effect.andThen(left, bounded(link, () => Group.forget(link, member)))
        : left
    })
  )
  const third = Duration.millis(claimAfterMillis / 3)
  const keep = (entries: () => ReadonlyArray<Entries.Held>) => Effect.promise(() => holding.keep(entries()))
  yield* Effect.forkScoped(Effect.repeat(Effect.delay(keep(holding.waiting), third), Schedule.forever))

  /** Redis can wait for as long as nothing is heard of an entry, and no longer: until then it is kept here. */
  const rest = (held: Entries.Held, millis: number) =>
    Effect.repeat(Effect.delay(keep(() => [held]), third), Schedule.forever).pipe(
      Effect.timeoutOption(Duration.millis(millis - claimAfterMillis)),
      Effect.andThen(Effect.promise(() => holding.giveBack(held, claimAfterMillis))),
      Effect.forkIn(scope)
    )
  const deliver = (held: Entries.Held): Delivery => {
    const ackUnsafe = () => holding.ack(held)
    return {
      message: held.message,
      topic,
      attempt: held.attempt,
      ack: Effect.sync(ackUnsafe),
      ackUnsafe,
      giveBack: (delay = Duration.zero) => {
        const millis = Duration.toMillis(delay)
        return millis > claimAfterMillis
          ? Effect.asVoid(rest(held, millis))
          : Effect.andThen(bounded(link, () => holding.giveBack(held, millis)), millis === 0 ? nudge : Effect.void)
      },
      stillWorking: bounded(link, () => holding.keep([held]))
    }
  }
  const pull = Effect.map(holding.take, ([first, ...others]) => [deliver(first), ...others.map(deliver)] as const)
  return { deliveries: Stream.fromPull(Effect.succeed(pull)), stillWorkingEvery: third }
})

// ---------------------------------------------------------------------------------------------------------------------

/** How long a connection waits for new entries at a time. */
const blockMillis = 5000

const asking = <A>(link: Connection.Link, question: () => Promise<A>): Effect.Effect<A, Connection.Unreachable> =>
  Effect.timeoutOrElse(
    Effect.tryPromise({ try: question, catch: (cause) => link.unreachable("has refused the subscription", cause) }),
    { duration: link.timeout, orElse: () => Effect.fail(link.unreachable("does not answer")) }
  )

/** Says something where it can be said; what is not heard is found out by who claims. */
const bounded = (link: Connection.Link, saying: () => Promise<unknown>): Effect.Effect<void> =>
  Effect.suspend(() =>
    link.isUp() ? Effect.asVoid(Effect.timeoutOption(Effect.exit(Effect.tryPromise(saying)), "1 second")) : Effect.void
  )

/** Reads new entries; gives the effect that ends it, and tells whether nothing is under way any more. */
const reading = Effect.fnUntraced(function*(
  link: Connection.Link,
  reader: Connection.Link,
  member: Group.Member,
  holding: Holding.Holding
): Effect.fn.Return<Effect.Effect<boolean>, never, Scope.Scope> {
  const over = Latch.makeUnsafe(false)
  const read = Entries.reader()
  let last = "0"
  let own: Promise<Connection.Reply> | undefined
  const step = Effect.gen(function*() {
    yield* Effect.raceFirst(holding.whenRoom, over.await)
    if (over.isOpen()) return
    own ??= reader.send(["CLIENT", "ID"])
    const reply = yield* Effect.tryPromise({
      try: () => Group.read(reader, member, holding.room(), blockMillis),
      catch: (cause) => cause
    })
    const entries = read(Group.entriesOf(reply))
    last = entries.at(-1)?.place ?? last
    holding.enter(entries)
  })
  const recover = (cause: unknown) => {
    own = undefined
    if (!reader.isUp()) return Effect.ignore(reader.up)
    // A server that has lost the group, or the stream with it: what is behind the last entry is new to us.
    const again = Connection.isGroupMissing(cause)
      ? Effect.promise(() => Group.create(reader, member, last).catch(() => undefined))
      : Effect.logWarning("Redis does not let a subscription read", reader.unreachable("refuses", cause))
    return Effect.andThen(again, Effect.raceFirst(Effect.sleep("1 second"), over.await))
  }
  const fiber = yield* Effect.forkScoped(
    Effect.repeat(Effect.catch(step, recover), { while: () => !over.isOpen() })
  )
  return Effect.gen(function*() {
    yield* over.open
    const unblocked = Effect.promise(() =>
      (own ?? Promise.reject()).then((id) => link.send(["CLIENT", "UNBLOCK", String(id)])).catch(() => undefined)
    )
    return link.isUp() && (yield* ended(Effect.andThen(unblocked, Fiber.await(fiber))))
  })
})

/** Claims what other members have given back, or are not heard of. */
const claiming = Effect.fnUntraced(function*(
  link: Connection.Link,
  member: Group.Member,
  holding: Holding.Holding,
  idleMillis: number
): Effect.fn.Return<Claiming, never, Scope.Scope> {
  const over = Latch.makeUnsafe(false)
  const hurry = Latch.makeUnsafe(false)
  const every = Duration.millis(Math.min(1000, idleMillis / 3))
  let cursor = "0-0"
  const look = Effect.promise(() => {
    holding.settle()
    const most = holding.room()
    if (most === 0 || !link.isUp()) return Promise.resolve()
    return Group.claim(link, member, idleMillis, cursor, most).then((found) => {
      cursor = found.cursor
      holding.enter(found.entries)
    }).catch(() => undefined)
  })
  const wait = Effect.raceFirst(Effect.sleep(every), Effect.raceFirst(hurry.await, over.await))
  const step = Effect.andThen(
    wait,
    Effect.suspend(() => over.isOpen() ? Effect.void : Effect.andThen(hurry.close, look))
  )
  const fiber = yield* Effect.forkScoped(Effect.repeat(step, { while: () => !over.isOpen() }))
  return {
    nudge: Effect.asVoid(hurry.open),
    end: Effect.andThen(over.open, ended(Fiber.await(fiber)))
  }
})

interface Claiming {
  /** Looks at once. */
  readonly nudge: Effect.Effect<void>
  /** Ends it; tells whether nothing is under way any more. */
  readonly end: Effect.Effect<boolean>
}

/** Whether something has come to its end within a second. */
const ended = (end: Effect.Effect<unknown>): Effect.Effect<boolean> =>
  Effect.map(Effect.timeoutOption(Effect.interruptible(end), "1 second"), ({ _tag }) => _tag === "Some")
