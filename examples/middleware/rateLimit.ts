/**
 * So many calls a second from each caller, and not more: a bucket of tokens for each.
 */
import * as Transport from "effect-micro/Transport"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

export interface Options {
  /** Who calls; calls with the same answer share a bucket. */
  readonly callerOf: (call: Transport.Call) => string
  /** Calls at once, from a caller that has not called for a while. */
  readonly burst: number
  /** How long it takes to earn another one. */
  readonly every: Duration.Input
  /** Callers that are remembered. Default 10,000; beyond that the one that was heard of first is forgotten. */
  readonly callers?: number | undefined
}

/** Refuses calls over the limit as `Overloaded`, and says when to come back. */
export const layer = (options: Options): Layer.Layer<Transport.Transport, never, Transport.Transport> => {
  const take = limiter(options)
  const refusal = (call: Transport.Call) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const wait = take(options.callerOf(call), now)
      return wait === 0 ? undefined : Transport.failure("Overloaded", "Too many calls", wait)
    })
  return Transport.layerWrap({
    server: (next) => ({
      unary: (call, message) =>
        Effect.flatMap(
          refusal(call),
          (refused) => refused === undefined ? next.unary(call, message) : Effect.succeed(refused)
        ),
      stream: (call, messages) =>
        Stream.unwrap(
          Effect.map(refusal(call), (refused) =>
            refused === undefined ? next.stream(call, messages) : Stream.succeed(refused))
        )
    })
  })
}

// ---------------------------------------------------------------------------------------------------------------------

interface Bucket {
  tokens: number
  /** When the tokens were counted. */
  at: number
}

/** Takes a token; returns 0, or the milliseconds until there is one. */
const limiter = ({ burst, callers = 10_000, every }: Options) => {
  const price = Duration.toMillis(every)
  const buckets = new Map<string, Bucket>()
  const bucketOf = (caller: string, now: number): Bucket => {
    const known = buckets.get(caller)
    if (known !== undefined) return known
    const [first] = buckets.keys()
    if (buckets.size >= callers && first !== undefined) buckets.delete(first)
    const bucket = { tokens: burst, at: now }
    buckets.set(caller, bucket)
    return bucket
  }
  return (caller: string, now: number): number => {
    const bucket = bucketOf(caller, now)
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / price)
    bucket.at = now
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) * price)
    bucket.tokens -= 1
    return 0
  }
}
