/**
 * How events reach one of our own subscribers: frames of them on one stream, and frames of verdicts back.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { type Call, type Failure, failure, isFailure, type TransportError } from "../../../Transport.ts"
import * as Bundle from "./bundle.ts"
import * as Frames from "./frames.ts"
import * as Way from "./way.ts"

/** Not to be mistaken for a single event, whatever that is written in. */
export const contentType = "application/vnd.effect-micro.events"

/** One stream, from the first event to its end; how the other side ended it, if not for want of events. */
export const carry = (way: Way.Way): Effect.Effect<Failure | undefined, TransportError> => {
  const { address, id, service } = way.subscriber
  const call: Call = { service, method: id, contentType, headers: {} }
  return Effect.flatMap(way.office.connect(address), (connection) => {
    const replies = connection.stream(call, Stream.fromPull(Effect.succeed(frames(way))))
    const ends = Stream.map(replies, (reply) => isFailure(reply) ? reply : heard(way, reply))
    const last = Stream.runLast(Stream.takeUntil(ends, (end) => end !== undefined))
    return Effect.map(last, Option.getOrUndefined)
  })
}

// ---------------------------------------------------------------------------------------------------------------------

/** How long a stream stays open without an event. */
const idle = "10 seconds"

/** What waits, in frames; what came within a turn of the event loop shares one. */
const frames = (way: Way.Way): Pull.Pull<readonly [Uint8Array]> => {
  const { outbox } = way
  const next: Pull.Pull<readonly [Uint8Array]> = Effect.suspend(() => {
    const bundles = outbox.next()
    return bundles.length === 0 ? pull : Exit.succeed([Bundle.write(bundles)] as const)
  })
  const gathered = Effect.andThen(Effect.yieldNow, next)
  const pull: Pull.Pull<readonly [Uint8Array]> = Effect.suspend(() =>
    outbox.hasWaiting()
      ? gathered
      : Effect.flatMap(
        Effect.timeoutOption(Way.arrived(way), idle),
        (some): Pull.Pull<readonly [Uint8Array]> =>
          some._tag === "Some" ? gathered : outbox.isEmpty() ? Cause.done() : pull
      )
  )
  return pull
}

const heard = (way: Way.Way, bytes: Uint8Array): Failure | undefined => {
  const verdicts = Frames.readVerdicts(bytes)
  return verdicts !== undefined && Way.settle(way, verdicts) ? undefined : breach
}

const breach = failure("Defect", "it settled what it was not sent")
