/**
 * A bad network, on purpose: calls that are late, replies that are lost, connections that are cut.
 */
import * as Transport from "effect-micro/Transport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"

export interface Options {
  /** The longest that a call is late. Default not at all. */
  readonly latency?: Duration.Input | undefined
  /** The share of calls that nobody answers. Default 0. */
  readonly loss?: number | undefined
  /** The share of calls whose connection is cut when they have been answered. Default 0. */
  readonly cut?: number | undefined
  /** Makes the same luck in every run. */
  readonly seed?: string | undefined
}

/** Chaos between this process and those it calls. */
export const client = (options: Options) =>
  wrapped(options, (chance) =>
    Transport.layerWrap({
      client: (next) =>
        unlucky(
          next,
          chance,
          (call) => Effect.fail(new Transport.TransportError({ reason: lost(call.service) }))
        )
    }))

/** Chaos between this process and those that call it. */
export const server = (options: Options) =>
  // A handler that was interrupted, and not by its caller, has been cut off.
  wrapped(options, (chance) => Transport.layerWrap({ server: (next) => unlucky(next, chance, () => Effect.interrupt) }))

// ---------------------------------------------------------------------------------------------------------------------

/** What happens to a call. */
interface Fate {
  readonly late: number
  readonly event: "lost" | "cut" | "none"
}

const wrapped = (
  { cut = 0, latency = 0, loss = 0, seed }: Options,
  wrap: (fate: () => Fate) => Layer.Layer<Transport.Transport, never, Transport.Transport>
) => {
  const made = Effect.map(Random.Random, (random) =>
    wrap(() => {
      const late = random.nextDoubleUnsafe() * Duration.toMillis(latency)
      const luck = random.nextDoubleUnsafe()
      return { late, event: luck < loss ? "lost" : luck < loss + cut ? "cut" : "none" }
    }))
  return Layer.unwrap(seed === undefined ? made : Random.withSeed(made, seed))
}

const lost = (address: string) => new Transport.ConnectionLost({ address })

/** An exchange that things happen to. */
const unlucky = <E>(
  next: Transport.Exchange<E>,
  fate: () => Fate,
  cut: (call: Transport.Call) => Effect.Effect<never, E>
): Transport.Exchange<E> => ({
  unary: (call, message) =>
    Effect.suspend(() => {
      const { event, late } = fate()
      const answered = Effect.delay(next.unary(call, message), late)
      return event === "none" ? answered : Effect.andThen(answered, event === "cut" ? cut(call) : Effect.never)
    }),
  stream: (call, messages) =>
    Stream.suspend(() => {
      const { event, late } = fate()
      const answered = Stream.unwrap(Effect.delay(Effect.sync(() => next.stream(call, messages)), late))
      if (event === "none") return answered
      // Half way, where there is a half: behind the first reply.
      return Stream.concat(Stream.take(answered, 1), Stream.fromEffect(event === "cut" ? cut(call) : Effect.never))
    })
})
