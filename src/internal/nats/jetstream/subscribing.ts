/**
 * Subscriptions to a stream, which go on where they were when a server, or a consumer, has been away.
 */
import { createInbox, millis } from "@nats-io/transport-node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Interest } from "../../../Broker.ts"
import type { Delivery, Subscription } from "../../../Message.ts"
import * as Id from "../../id.ts"
import { type Link, Unreachable } from "../link.ts"
import * as Pulling from "./pulling.ts"
import type { EventStream, Role } from "./stream.ts"

/** Subscribes until the scope closes. */
export const subscribe = Effect.fnUntraced(function*(
  link: Link,
  stream: EventStream,
  topic: string,
  { group, prefetch }: Interest
): Effect.fn.Return<Subscription, Unreachable, Scope.Scope> {
  const role: Role = { topic, group, id: yield* Id.make }
  const connection = yield* link.up
  const { config, name } = yield* Effect.mapError(
    Effect.andThen(stream.ready, stream.consumer(role, undefined)),
    (cause) => cause instanceof Unreachable ? cause : link.unreachable(`has made no consumer for ${topic}`, cause)
  )
  if (group === undefined) yield* Effect.addFinalizer(() => leave(link, stream, role))
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const inbox = createInbox()
  let isReviving = false
  const pulling: Pulling.Pulling = Pulling.make(connection, {
    inbox,
    stream: stream.name,
    consumer: name,
    prefetch,
    lost: () => {
      if (isReviving) return
      isReviving = true
      const revived = Effect.ensuring(revive(stream, role, pulling), Effect.sync(() => void (isReviving = false)))
      run(revived)
    }
  })
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      connection.subscribe(inbox, { callback: (error, message) => error ? undefined : pulling.hear(message) })
    ),
    // What was on its way comes yet, and goes back with the rest. What the server is only about to send waits for `ackWait`.
    (subscription) =>
      Effect.andThen(
        Effect.timeoutOption(Effect.exit(Effect.tryPromise(() => subscription.drain())), "1 second"),
        Effect.sync(pulling.end)
      )
  )
  yield* link.onReconnect(pulling.ask)
  pulling.ask()
  const stillWorkingEvery = Duration.millis(millis(config.ack_wait ?? Duration.toMillis("30 seconds")) / 3)
  yield* Effect.forkScoped(Effect.repeat(Effect.delay(keep(pulling), stillWorkingEvery), Schedule.forever))
  yield* Effect.forkScoped(watch(pulling))

  const deliver = (entry: Pulling.Entry): Delivery => {
    const ackUnsafe = () => pulling.settle(entry, Pulling.accepted)
    return {
      message: entry.message,
      topic: entry.topic,
      attempt: entry.attempt,
      ack: Effect.sync(ackUnsafe),
      ackUnsafe,
      giveBack: (delay) =>
        Effect.sync(() => pulling.settle(entry, Pulling.givenBack(delay && Duration.toMillis(delay)))),
      stillWorking: Effect.sync(() => pulling.tell(entry))
    }
  }
  const pull = Effect.map(pulling.take, ([first, ...others]) => [deliver(first), ...others.map(deliver)] as const)
  return { deliveries: Stream.fromPull(Effect.succeed(pull)), stillWorkingEvery }
})

// ---------------------------------------------------------------------------------------------------------------------

/** A consumer without a group is of no use to anybody else; the server forgets it where this is not heard. */
const leave = (link: Link, stream: EventStream, role: Role): Effect.Effect<void> =>
  link.isUp() ? Effect.asVoid(Effect.timeoutOption(Effect.ignore(stream.forget(role)), "1 second")) : Effect.void

/** What waits here is not lost, and its turn will come. */
const keep = (pulling: Pulling.Pulling): Effect.Effect<void> =>
  Effect.sync(() => pulling.waiting().forEach(pulling.tell))

/** A question of which nothing was heard, though the server tells twice that there is nothing, was not heard either. */
const watch = (pulling: Pulling.Pulling): Effect.Effect<void> =>
  Effect.suspend(() => {
    const before = pulling.signs()
    return Effect.andThen(
      Effect.sleep(2.5 * Pulling.heartbeat),
      Effect.sync(() => {
        if (pulling.isAsking() && pulling.signs() === before) pulling.ask()
      })
    )
  }).pipe(Effect.repeat(Schedule.forever), Effect.asVoid)

/** Finds the consumer again, or makes one that begins where this subscription is. */
const revive = (stream: EventStream, role: Role, pulling: Pulling.Pulling): Effect.Effect<void> =>
  Effect.suspend(() => Effect.andThen(stream.ensure, stream.consumer(role, pulling.next()))).pipe(
    Effect.retry(Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("2 seconds")]))),
    Effect.andThen(Effect.sync(pulling.ask)),
    Effect.ignore
  )
